"""How much every instance logs: changed while they run, for a while, and then as it was."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.errors import InvalidInputError, NotReadyError
from bot.domain.ids import BotId
from bot.domain.operator import Operator, Rank
from bot.services.ports.access import Shelf
from bot.services.ports.operating import Notes
from bot.services.ports.runtime import Clock

LEVELS = ("debug", "info", "warning", "error")
MOST_MINUTES = 24 * 60

_NAME = "log-level"
_LOOK_SECONDS = 1.0
_NO_BOT = BotId(0)

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Logged:
    """What is logged now."""

    level: str
    usual: str
    """What the settings say."""
    until: datetime | None
    """When the usual level is back; None: it is in force."""


class LogLevel:
    """Chooses the level of all instances. They look every second; without Redis each keeps its level until its end."""

    def __init__(self, *, shelf: Shelf, notes: Notes, clock: Clock, usual: str, apply: Callable[[str], None]) -> None:
        self._shelf = shelf
        self._notes = notes
        self._clock = clock
        self._usual = usual
        self._apply = apply
        self._now = Logged(usual, usual, None)

    @property
    def now(self) -> Logged:
        """Return what this instance logs now."""
        return self._now

    async def choose(self, who: Operator, level: str, minutes: int) -> Logged:
        """Log so on all instances for so many minutes. Raises InvalidInputError, and NotReadyError without Redis."""
        who.need_all(Rank.OWNER, "the log tells of all bots; its level is for operators of the whole deployment")
        if level not in LEVELS:
            raise InvalidInputError("level", f"level is one of {', '.join(LEVELS)}")
        if not 1 <= minutes <= MOST_MINUTES:
            raise InvalidInputError("minutes", f"minutes is a number from 1 to {MOST_MINUTES}")
        until = self._clock.now() + timedelta(minutes=minutes)
        await self._shelf.put(_NAME, {"level": level, "until": until.isoformat()}, seconds=minutes * 60)
        await self._notes.note(who.actor, _NO_BOT, "log_level", None, {"level": level, "minutes": minutes})
        await self.look()
        return self._now

    async def run(self) -> None:
        """Follow what was chosen, until cancelled; then log as usual."""
        try:
            while True:
                await self.look()
                await self._clock.sleep(_LOOK_SECONDS)
        finally:
            self._take(self._usual, None)

    async def look(self) -> None:
        """Take over what was chosen by now."""
        try:
            chosen = await self._shelf.get(_NAME)
        except NotReadyError:
            until = self._now.until
            if until is not None and self._clock.now() >= until:
                self._take(self._usual, None)
            return
        if chosen is None:
            self._take(self._usual, None)
        else:
            self._take(str(chosen["level"]), datetime.fromisoformat(str(chosen["until"])))

    def _take(self, level: str, until: datetime | None) -> None:
        before, self._now = self._now, Logged(level, self._usual, until)
        if before.level != level:
            self._apply(level)
            log.warning("log.level", level=level, until=None if until is None else until.isoformat())
