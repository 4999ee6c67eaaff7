"""A rival: aiogram's webhook with one handler, on aiohttp.

`python tests/benchmarks/aiogram_webhook.py PORT SECRET PATH`
"""

import sys

from aiogram import Bot, Dispatcher
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web


async def handle(message: Message) -> None:
    """Do nothing."""


def main() -> None:
    """Serve until killed."""
    dispatcher = Dispatcher()
    dispatcher.message()(handle)
    application = web.Application()
    handler = SimpleRequestHandler(dispatcher, Bot("1:" + "A" * 35), secret_token=sys.argv[2])
    handler.register(application, path=sys.argv[3])
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
