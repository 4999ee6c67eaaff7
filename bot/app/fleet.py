"""The bots of one instance, live: a client, handlers, a webhook secret and a source of updates for each."""

from collections.abc import Callable, Sequence
from functools import partial

from telegram import Bot

from bot.core.telegram.bots import Clients
from bot.core.telemetry.reports import measured
from bot.domain.hosting import HostedBot
from bot.domain.ids import BotId
from bot.domain.intent import Intent
from bot.domain.secret import Secret
from bot.ingress.receiver import Dispatch
from bot.services.ports.hosting import Crew

Build = Callable[[BotId, Bot], Dispatch]
"""Makes the handlers of one bot."""


class Fleet:
    """Takes bots on and lets them go. The ingress reads the dispatchers and `secrets` with every update."""

    def __init__(
        self,
        *,
        clients: Clients,
        builds: Sequence[tuple[dict[BotId, Dispatch], Build]],
        intake: Crew,
        secrets: dict[BotId, Sequence[bytes]],
        secret: Secret | None,
    ) -> None:
        self._clients = clients
        self._builds = builds
        self._intake = intake
        self._secrets = secrets
        self._secret = secret
        self._known: dict[BotId, Bot] = {}

    def take_on(self, bot: HostedBot) -> None:
        """Serve a bot from now on, or as it is now."""
        if bot.token is None:
            return
        client = self._clients.put(bot.bot_id, bot.token, resting=bot.refused_at is not None)
        if client is not self._known.get(bot.bot_id):
            self._known[bot.bot_id] = client
            for dispatchers, build in self._builds:
                dispatchers[bot.bot_id] = _Lazily(partial(build, bot.bot_id, client))
        secrets = (self._secret,) if self._secret is not None else bot.secrets
        self._secrets[bot.bot_id] = [secret.reveal().encode() for secret in secrets]
        self._intake.take_on(bot)

    def let_go(self, bot: BotId) -> None:
        """Serve a bot no more."""
        self._intake.let_go(bot)
        self._secrets.pop(bot, None)
        for dispatchers, _ in self._builds:
            dispatchers.pop(bot, None)
        self._known.pop(bot, None)
        self._clients.drop(bot)


class _Lazily:
    """Makes a bot's handlers with its first update: most of many bots are idle."""

    def __init__(self, build: Callable[[], Dispatch]) -> None:
        self._build = build
        self._dispatch: Dispatch | None = None

    async def __call__(self, body: bytes, *, is_owed: bool = False) -> Sequence[Intent]:
        if self._dispatch is None:
            self._dispatch = self._build()
        with measured("update"):
            return await self._dispatch(body, is_owed=is_owed)
