"""The clients of the bots that run here, and the desk that asks Telegram whose a token is."""

from collections.abc import Callable

from telegram import Bot

from bot.core.telegram.errors import TOKEN_PAUSE_SECONDS, translated
from bot.core.telegram.transport import CALL_TIMEOUT_SECONDS, AiohttpRequest, SharedPool
from bot.domain.errors import InvalidInputError, TelegramRefusedError, TelegramUnavailableError, TokenRefusedError
from bot.domain.hosting import SIMULATED, BotIdentity
from bot.domain.ids import BotId
from bot.domain.secret import Secret

# getUpdates waits for news; its answer may take this much longer than it was asked to wait.
_LONG_POLL_SECONDS = 60.0
# A person waits for the answer, and no lease runs out meanwhile.
_DESK_SECONDS = 10.0

MakeBot = Callable[[Secret], Bot]


def make_bot(token: Secret, *, api_url: str, pool: SharedPool, timeout: float = CALL_TIMEOUT_SECONDS) -> Bot:
    """Make a bot that calls `<api_url>/bot<token>/<method>` through the shared pool."""
    return Bot(
        token.reveal(),
        base_url=f"{api_url.rstrip('/')}/bot",
        base_file_url=f"{api_url.rstrip('/')}/file/bot",
        request=AiohttpRequest(pool, timeout=timeout),
        get_updates_request=AiohttpRequest(pool, timeout=_LONG_POLL_SECONDS, waits=True),
    )


class Clients:
    """The bots that run in this process. They come and go while it runs."""

    def __init__(self, *, make: MakeBot) -> None:
        self._make = make
        self._bots: dict[BotId, Bot] = {}
        self._resting: set[BotId] = set()

    def put(self, bot: BotId, token: Secret, *, resting: bool) -> Bot:
        """Run a bot, or exchange its token. While it rests, its calls are refused here and never made."""
        known = self._bots.get(bot)
        if known is None or known.token != token.reveal():
            known = self._bots[bot] = self._make(token)
        if resting:
            self._resting.add(bot)
        else:
            self._resting.discard(bot)
        return known

    def apart(self) -> "Clients":
        """Return others, none yet, that are made in the same way: what is put there changes nothing here."""
        return Clients(make=self._make)

    def drop(self, bot: BotId) -> None:
        """Run the bot no more."""
        self._bots.pop(bot, None)
        self._resting.discard(bot)

    def __getitem__(self, bot: BotId) -> Bot:
        """Return the bot. Raises TokenRefusedError while it rests, TelegramUnavailableError when it does not run."""
        if bot in self._resting:
            description = "Telegram refuses the bot's token"
            raise TokenRefusedError(method="none", description=description, retry_after=TOKEN_PAUSE_SECONDS)
        found = self._bots.get(bot)
        if found is None:
            raise TelegramUnavailableError(method="none", description="the bot does not run here")
        return found


class Desk:
    """Asks about a token, outside of every budget: a person, or a bot whose work rests, waits for the answer."""

    def __init__(self, *, make: MakeBot, at_telegram: bool) -> None:
        self._make = make
        self._at_telegram = at_telegram

    async def identity(self, token: Secret) -> BotIdentity:
        """Ask whose the token is. Raises InvalidInputError, TokenRefusedError or TelegramUnavailableError."""
        if self._at_telegram and SIMULATED in token.reveal():
            raise InvalidInputError("token", "this token is a simulator's; Telegram's own API does not know it")
        with translated("getMe"):
            me = await self._make(token).get_me(read_timeout=_DESK_SECONDS)
        return BotIdentity(
            bot_id=BotId(me.id),
            username=me.username or "",
            first_name=me.first_name,
            can_join_groups=bool(me.can_join_groups),
            reads_all_messages=bool(me.can_read_all_group_messages),
        )

    async def forget_webhook(self, token: Secret, path: str) -> bool:
        """Remove the webhook if its address ends in `path`: another one is not ours to remove."""
        bot = self._make(token)
        try:
            with translated("deleteWebhook"):
                info = await bot.get_webhook_info(read_timeout=_DESK_SECONDS)
                return info.url.endswith(path) and await bot.delete_webhook(read_timeout=_DESK_SECONDS)
        except (TelegramRefusedError, TelegramUnavailableError):
            return False
