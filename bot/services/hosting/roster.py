"""Which bots this instance serves: follows the database, so that bots come, go and change while it runs."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import structlog

from bot.domain.hosting import HostedBot
from bot.domain.ids import BotId
from bot.services.groups.following import Follower
from bot.services.ports.hosting import BotRows, Crew

_REMEDIES = MappingProxyType(
    {
        "refused": "copy the token again from @BotFather: gmbot bots rotate-token, or BOT_TOKEN and a restart",
        "sealed": "set ENCRYPTION_KEY, or ENCRYPTION_KEY_FORMER, to the key it was sealed with",
    }
)

log = structlog.stdlib.get_logger()


class Roster(Follower):
    """Tells the crew. A published change is read at once; a lost message heals by the next poll."""

    def __init__(self, *, rows: BotRows, crew: Crew, removed: Callable[[BotId], None]) -> None:
        super().__init__()
        self._rows = rows
        self._crew = crew
        self._removed = removed
        self._bots: dict[BotId, HostedBot] = {}
        self._seq = -1
        self._reading = asyncio.Lock()

    @property
    def bots(self) -> Mapping[BotId, HostedBot]:
        """All bots of the deployment, whether they are served or not."""
        return MappingProxyType(self._bots)

    def served(self) -> Sequence[BotId]:
        """Return the bots that work."""
        return [bot.bot_id for bot in self._bots.values() if bot.at_work and bot.refused_at is None]

    def count(self, state: str) -> int:
        """Count the bots in a state: running, refused, disabled or sealed (no key opens them)."""
        return sum(_state(bot) == state for bot in self._bots.values())

    async def refresh(self) -> None:
        """Read what changed since the last time, and act on it. Raises StoreUnavailableError."""
        async with self._reading:
            self._seq, changed, there = await self._rows.changed_since(self._seq)
            for bot in changed:
                self._put(bot)
            for gone in self._bots.keys() - there if there is not None else ():
                log.info("bot.removed", bot=gone)
                del self._bots[gone]
                self._crew.let_go(gone)
                self._removed(gone)

    def _put(self, bot: HostedBot) -> None:
        before = self._bots.get(bot.bot_id)
        self._bots[bot.bot_id] = bot
        if bot.at_work:
            self._crew.take_on(bot)
        elif before is not None and before.at_work:
            self._crew.let_go(bot.bot_id)
        if before is None or _state(before) != _state(bot):
            state = _state(bot)
            if state in _REMEDIES:
                log.warning("bot.state", bot=bot.bot_id, state=state, remedy=_REMEDIES[state])
            else:
                log.info("bot.state", bot=bot.bot_id, state=state)


def _state(bot: HostedBot) -> str:
    if bot.token is None:
        return "sealed"
    if not bot.enabled:
        return "disabled"
    return "running" if bot.refused_at is None else "refused"


STATES = ("running", "refused", "disabled", "sealed")
"""Every state a bot may be in."""
