"""What was decided about whom, as rows of PostgreSQL. They are written by the statements they are about."""

from collections.abc import Sequence
from typing import TypeAlias

import asyncpg

from bot.core.postgres.database import Database
from bot.domain.event import AuditEntry, Event, EventCount, EventKey, PastCase
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId

# Some kinds of events only; None: all.
Kinds: TypeAlias = Sequence[str] | None


class EventStore:
    """Reads events, the newest first, a page at a time: a page begins where the one before it ended."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def of_bot(self, bot: BotId, *, before: EventKey | None = None, limit: int = 50) -> Sequence[Event]:
        """Return what happened in all groups of a bot."""
        return events_of(await self._database.rows("get_bot_events", bot, *behind(before), limit))

    async def of_group(
        self, bot: BotId, group: GroupId, kinds: Kinds = None, *, before: EventKey | None = None, limit: int = 50
    ) -> Sequence[Event]:
        """Return what happened in a group."""
        return events_of(await self._database.rows("get_group_events", bot, group, *behind(before), kinds, limit))

    async def of_user(
        self,
        bot: BotId,
        user: UserId,
        kinds: Kinds = None,
        *,
        group: GroupId | None = None,
        before: EventKey | None = None,
        limit: int = 50,
    ) -> Sequence[Event]:
        """Return what happened to a user, in one group or in all of them."""
        return events_of(await self._database.rows("get_user_events", bot, user, group, *behind(before), kinds, limit))

    async def counts(self, bot: BotId, group: GroupId, *, days: int) -> Sequence[EventCount]:
        """Count what happened in a group in the last days."""
        rows = await self._database.rows("count_group_events", bot, group, days)
        return [EventCount(row["outcome"], row["events"], row["users"], row["seconds"]) for row in rows]

    async def audit(self, bot: BotId, group: GroupId, *, limit: int = 50) -> Sequence[AuditEntry]:
        """Return who set up what in a group, the newest first."""
        rows = await self._database.rows("get_group_audit", bot, group, limit)
        return [AuditEntry(row["at"], UserId(row["actor"]), row["action"], row["detail"]) for row in rows]

    async def only_bot(self) -> BotId | None:
        """Return the bot if there is exactly one."""
        row = await self._database.row("only_bot")
        return None if row is None or row["bots"] != 1 else BotId(row["bot_id"])

    async def cases(self, bot: BotId, user: UserId, *, limit: int = 50) -> Sequence[PastCase]:
        """Return a user's cases, the newest first."""
        return [
            PastCase(
                CaseId(row["restriction_id"]),
                GroupId(row["group_id"]),
                row["done"],
                row["cause"],
                row["outcome"],
                row["opened_at"],
                row["closed_at"],
            )
            for row in await self._database.rows("get_user_history", bot, user, limit)
        ]


def behind(before: EventKey | None) -> tuple[object, object]:
    """Write down where a page begins; nothing for the first."""
    return (None, None) if before is None else (before.at, before.number)


def events_of(rows: Sequence[asyncpg.Record]) -> Sequence[Event]:
    """Read events."""
    return [
        Event(
            key=EventKey(row["at"], row["event_id"]),
            bot_id=BotId(row["bot_id"]),
            group_id=GroupId(row["group_id"]),
            user_id=UserId(row["user_id"]),
            kind=row["outcome"],
            reason=row["detail"],
            channels=tuple(ChannelId(channel) for channel in row["channels"]),
            case_id=None if row["case_id"] is None else CaseId(row["case_id"]),
            seconds=row["seconds"],
        )
        for row in rows
    ]
