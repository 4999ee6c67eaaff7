"""A rival: python-telegram-bot's own webhook server with one handler.

`python tests/benchmarks/ptb_webhook.py PORT SECRET PATH`
"""

import sys

from telegram import Update
from telegram.ext import ApplicationBuilder, ContextTypes, MessageHandler, filters
from telegram.request import BaseRequest

TOKEN = "1:rival"


class Offline(BaseRequest):
    """Answers every call of the start by itself."""

    @property
    def read_timeout(self) -> float:
        return 1.0

    async def initialize(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass

    async def do_request(self, url: str, *_: object, **__: object) -> tuple[int, bytes]:
        if url.endswith("/getMe"):
            return 200, b'{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Rival","username":"rival_bot"}}'
        return 200, b'{"ok":true,"result":true}'


async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Do nothing."""


def main() -> None:
    """Serve until killed."""
    application = ApplicationBuilder().token(TOKEN).request(Offline()).get_updates_request(Offline()).build()
    application.add_handler(MessageHandler(filters.ALL, handle))
    application.run_webhook(
        listen="127.0.0.1",
        port=int(sys.argv[1]),
        url_path=sys.argv[3].removeprefix("/"),
        webhook_url=f"https://localhost{sys.argv[3]}",
        secret_token=sys.argv[2],
        bootstrap_retries=0,
    )


if __name__ == "__main__":
    main()
