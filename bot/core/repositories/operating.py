"""What operators list, as rows of PostgreSQL, a page at a time: each begins behind the last row of the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from bot.core.postgres.database import Database, Record
from bot.core.repositories.configuration import audit
from bot.core.repositories.events import behind, events_of
from bot.domain.errors import InvalidInputError
from bot.domain.event import Event, EventKey
from bot.domain.heartbeat import DEAD_AFTER
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.listing import (
    NO_CURSOR,
    AuditRow,
    CaseRow,
    ChannelRow,
    GroupQuery,
    GroupRow,
    InstanceRow,
    JobRow,
    LetterRow,
    Page,
    Tick,
    Totals,
    cursor_of,
    place_of,
)
from bot.domain.operator import By

Bots = Sequence[BotId] | None
"""The bots that are looked at; None: all."""

# Higher than any number, whatever counts.
_FROM_THE_END = 2**63 - 1
_GROUP_FIELDS = tuple(field.name for field in fields(GroupRow))
_CASE_FIELDS = tuple(field.name for field in fields(CaseRow) if field.name != "case_id")


class OperatingStore:
    """Reads for operators, and notes what they did."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def groups(self, query: GroupQuery, bots: Bots) -> Page[GroupRow]:
        """Return groups by name."""
        start = _by_name(query.cursor)
        state = None if query.state is None else query.state.value
        pattern, number = _sought(query.search)
        which, limit = (*start, bots), query.limit + 1
        if pattern is not None:
            rows = await self._database.rows("find_groups", *which, state, limit, pattern, number)
        elif state is not None:
            rows = await self._database.rows("list_groups_in_state", *which, state, limit)
        else:
            rows = await self._database.rows("list_groups", *which, limit)
        page, after = _cut(rows, query.limit)
        cursor = None if after is None else cursor_of(after["name"], after["bot_id"], after["group_id"])
        return Page(tuple(_group(row) for row in page), cursor)

    async def group(self, bot: BotId, group: GroupId) -> GroupRow | None:
        """Return one group."""
        row = await self._database.row("one_group", bot, group)
        return None if row is None else _group(row)

    async def channels(self, search: str, bots: Bots, *, cursor: str | None, limit: int) -> Page[ChannelRow]:
        """Return channels by name."""
        rows = await self._database.rows("list_channels", *_by_name(cursor), bots, *_sought(search), limit + 1)
        page, after = _cut(rows, limit)
        found = tuple(
            ChannelRow(
                BotId(row["bot_id"]),
                ChannelId(row["channel_id"]),
                row["title"],
                row["username"],
                row["invite_link"],
                row["groups"],
            )
            for row in page
        )
        cursor = None if after is None else cursor_of(after["name"], after["bot_id"], after["channel_id"])
        return Page(found, cursor)

    async def events(
        self, bots: Bots, kinds: Sequence[str] | None, *, before: EventKey | None, limit: int
    ) -> Sequence[Event]:
        """Return decisions of all bots, the newest first."""
        return events_of(await self._database.rows("list_events", *behind(before), bots, kinds, limit))

    async def cases(
        self, bots: Bots, *, group: GroupId | None, user: UserId | None, cursor: str | None, limit: int
    ) -> Page[CaseRow]:
        """Return open cases, the newest first."""
        before = _before(cursor)
        rows = await self._database.rows("list_cases", before, bots, group, user, limit + 1)
        return _cases(rows, limit)

    async def cases_of_user(
        self, bot: BotId, user: UserId, *, group: GroupId | None, cursor: str | None, limit: int
    ) -> Page[CaseRow]:
        """Return a user's cases, open and closed, the newest first."""
        rows = await self._database.rows("list_cases_of_user", bot, user, _before(cursor), group, limit + 1)
        return _cases(rows, limit)

    async def audit(self, bots: Bots, *, chat: int | None, cursor: str | None, limit: int) -> Page[AuditRow]:
        """Return who changed what, the newest first."""
        before, many = _before(cursor), limit + 1
        if bots is None:
            rows = await self._database.rows("list_audit", before, chat, many)
        else:
            rows = await self._database.rows("list_audit_of_bots", before, bots, chat, many)
        page, after = _cut(rows, limit)
        found = tuple(
            AuditRow(
                row["audit_id"],
                row["at"],
                BotId(row["bot_id"]),
                UserId(row["actor"]),
                row["source"],
                row["action"],
                row["chat_id"],
                row["detail"],
            )
            for row in page
        )
        return Page(found, None if after is None else cursor_of(after["audit_id"]))

    async def letters(self, bots: Bots, *, cursor: str | None, limit: int) -> Page[LetterRow]:
        """Return what was given up, the newest first."""
        moment, name = (None, "") if cursor is None else _moment_and_name(cursor)
        rows, after = _cut(await self._database.rows("list_letters", bots, moment, name, limit + 1), limit)
        found = tuple(LetterRow(**row) for row in rows)
        return Page(found, None if after is None else cursor_of(after["died_at"].isoformat(), after["name"]))

    async def instances(self) -> Sequence[InstanceRow]:
        """Return the processes of this deployment, those of the last day that died among them."""
        return [InstanceRow(**row) for row in await self._database.rows("list_instances", DEAD_AFTER)]

    async def jobs(self, bots: Bots) -> Sequence[JobRow]:
        """Return what is scheduled, by kind."""
        return [JobRow(**row) for row in await self._database.rows("list_jobs", bots)]

    async def totals(self, bots: Bots) -> Totals:
        """Count."""
        row = await self._database.row("totals", bots, DEAD_AFTER)
        return Totals(0, 0, 0, 0, 0, 0, 0, 0) if row is None else Totals(**row)

    async def series(self, bots: Bots, *, minutes: int, hours: int) -> Sequence[Tick]:
        """Count decisions in steps of so many minutes."""
        steps: dict[datetime, dict[str, int]] = {}
        for row in await self._database.rows("series", bots, minutes, hours):
            steps.setdefault(row["at"], {})[row["outcome"]] = row["events"]
        return [Tick(at, counts) for at, counts in steps.items()]

    async def note(self, by: By, bot: BotId, action: str, chat: int | None, detail: Mapping[str, object]) -> None:
        """Write into the audit log what changes no row of its own."""
        async with self._database.session() as session:
            await audit(session, bot, by, action, chat, detail)


def _moment_and_name(cursor: str) -> tuple[datetime, str]:
    at, name = place_of(cursor, str, str)
    try:
        moment = datetime.fromisoformat(str(at))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInputError("cursor", NO_CURSOR)
    return moment, str(name)


def _by_name(cursor: str | None) -> tuple[object, ...]:
    return ("", -_FROM_THE_END, -_FROM_THE_END) if cursor is None else place_of(cursor, str, int, int)


def _before(cursor: str | None) -> object:
    return _FROM_THE_END if cursor is None else place_of(cursor, int)[0]


def _sought(search: str) -> tuple[str | None, int | None]:
    text = search.strip().removeprefix("@")
    if not text:
        return None, None
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    digits = text.removeprefix("-")
    number = int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None  # noqa: PLR2004 - what fits into a bigint
    return f"%{escaped}%", number


def _cut(rows: Sequence[Record], limit: int) -> tuple[Sequence[Record], Record | None]:
    """Split a page from the row that shows that there are more; return the last row of the page if so."""
    return (rows, None) if len(rows) <= limit else (rows[:limit], rows[limit - 1])


def _group(row: Record) -> GroupRow:
    return GroupRow(**{name: row[name] for name in _GROUP_FIELDS})


def _cases(rows: Sequence[Record], limit: int) -> Page[CaseRow]:
    page, after = _cut(rows, limit)
    cases = tuple(
        CaseRow(case_id=CaseId(row["restriction_id"]), **{name: row[name] for name in _CASE_FIELDS}) for row in page
    )
    return Page(cases, None if after is None else cursor_of(after["restriction_id"]))
