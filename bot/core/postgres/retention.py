"""How long rows are kept: each method removes what is too old, some at a time, and may run on every instance."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import structlog

from bot.core.postgres.database import Database
from bot.domain.errors import StoreUnavailableError

# A week's partition is there long before its week: housekeeping may fail for a month, and events still find theirs.
_WEEKS_AHEAD = 4
_AT_ONCE = 2_000
_ROUNDS = 50
# Ten million sightings are walked through in a day and a half, at a price that nobody notices.
_MEMBERS_AT_ONCE = 5_000
_MEMBER_PAGES = 10
_LOWEST = -(2**63)

_Member: TypeAlias = tuple[int, int, int]

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Periods:
    """Days for which things are kept."""

    events: int
    cases: int
    audit: int
    members: int
    letters: int


class Retention:
    """Removes what is older than its period. Raises StoreUnavailableError; then it is done at the next sweep."""

    def __init__(self, *, database: Database, periods: Periods) -> None:
        self._database = database
        self._periods = periods
        self._at: _Member = (_LOWEST, _LOWEST, _LOWEST)

    async def events(self) -> None:
        """Make the partitions of the coming weeks and drop those of weeks that are too long ago."""
        try:
            made = await self._database.row("make_event_partitions", _WEEKS_AHEAD)
            dropped = await self._database.row("drop_event_partitions", self._periods.events)
        except (asyncpg.LockNotAvailableError, asyncpg.InsufficientPrivilegeError) as error:
            # Somebody reads the table for long, a backup perhaps: nobody is to wait behind us meanwhile.
            raise StoreUnavailableError(str(error)) from error
        counts = {
            name: row[name] for name, row in (("made", made), ("dropped", dropped)) if row is not None and row[name]
        }
        if counts:
            log.info("events.partitions", **counts)

    async def figures(self) -> None:
        """Drop the counts of days that are as long ago as the events that are dropped."""
        await _drop(lambda: self._database.execute("forget_days", self._periods.events, _AT_ONCE))

    async def cases(self) -> None:
        """Drop cases that were closed long ago."""
        await _drop(lambda: self._database.execute("forget_cases", self._periods.cases, _AT_ONCE))

    async def audit(self) -> None:
        """Drop old entries of the audit log."""
        await _drop(lambda: self._database.execute("forget_audit", self._periods.audit, _AT_ONCE))

    async def letters(self) -> None:
        """Drop what nobody has decided on for so long that it cannot matter any more."""
        for row in await self._database.rows("forget_letters", self._periods.letters):
            log.warning("letter.expired", bot=row["bot_id"], update=row["update_id"])
        for row in await self._database.rows("forget_dead_actions", self._periods.letters):
            log.warning("action.expired", action=row["action_id"])

    async def members(self) -> None:
        """Walk on through the sightings and drop those that are too long ago; begin again at the end."""
        for _ in range(_MEMBER_PAGES):
            row = await self._database.row("forget_members", self._periods.members, *self._at, _MEMBERS_AT_ONCE)
            if row is None:
                self._at = (_LOWEST, _LOWEST, _LOWEST)
                return
            self._at = (row["bot_id"], row["group_id"], row["user_id"])


async def _drop(some: Callable[[], Awaitable[int]]) -> None:
    """Delete what is too old, some at a time, and leave the rest to the next sweep."""
    for _ in range(_ROUNDS):
        if await some() < _AT_ONCE:
            return
