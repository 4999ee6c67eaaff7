"""The pollers of all bots: one for each, started and stopped with its bot."""

from collections.abc import Callable

from bot.domain.errors import NotReadyError
from bot.domain.hosting import HostedBot
from bot.domain.ids import BotId
from bot.ingress.polling import Poller
from bot.services.ports.runtime import Starter, Stop


class Pollers:
    """Polls for the bots that Telegram does not refuse."""

    def __init__(self, *, make: Callable[[BotId], Poller], starter: Starter) -> None:
        self._make = make
        self._starter = starter
        self._running: dict[BotId, tuple[Poller, Stop]] = {}

    async def check(self) -> None:
        """Raise NotReadyError while some bot gets no updates."""
        faults = [poller.fault for poller, _ in self._running.values() if poller.fault is not None]
        if faults:
            raise NotReadyError(f"{len(faults)} of {len(self._running)} bots get no updates: {faults[0]}")

    def take_on(self, bot: HostedBot) -> None:
        """Poll for a bot, unless Telegram refuses it."""
        if bot.refused_at is not None:
            self.let_go(bot.bot_id)
        elif bot.bot_id not in self._running:
            poller = self._make(bot.bot_id)
            self._running[bot.bot_id] = poller, self._starter.start(poller.run(), name="polling")

    def let_go(self, bot: BotId) -> None:
        """Poll no more; what is under way is delivered again to whoever polls next."""
        if bot in self._running:
            _, stop = self._running.pop(bot)
            stop()
