"""Makes the client objects of hosted bots."""

from telegram import Bot

from bot.core.telegram.transport import CALL_TIMEOUT_SECONDS, AiohttpRequest, SharedPool
from bot.domain.errors import SettingsError
from bot.domain.ids import BotId

# getUpdates waits for news; its answer may take this much longer than it was asked to wait.
_LONG_POLL_SECONDS = 60.0


def make_bot(token: str, *, api_url: str, pool: SharedPool, timeout: float = CALL_TIMEOUT_SECONDS) -> Bot:
    """Make a bot that calls `<api_url>/bot<token>/<method>` through the shared pool."""
    return Bot(
        token,
        base_url=f"{api_url.rstrip('/')}/bot",
        base_file_url=f"{api_url.rstrip('/')}/file/bot",
        request=AiohttpRequest(pool, timeout=timeout),
        get_updates_request=AiohttpRequest(pool, timeout=_LONG_POLL_SECONDS),
    )


def bot_id_of(token: str) -> BotId:
    """Read the bot's id, which is the part of a token before the colon. Raises SettingsError."""
    head = token.partition(":")[0]
    if not head.isdigit():
        raise SettingsError("a bot's token looks like 1234567890:AA...; this one does not")
    return BotId(int(head))
