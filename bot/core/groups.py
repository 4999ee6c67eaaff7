"""The configuration of groups, as rows of PostgreSQL. Every change bumps the counter that instances poll."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg

from bot.core.configuration import audit, current_seq, next_seq
from bot.core.database import Database, Session
from bot.domain.errors import GateTakenError
from bot.domain.event import Cause
from bot.domain.group import Channel, Enforcement, GroupSetup, OnUnknown, ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.restriction import Wanted


class PostgresGroups:
    """Reads and writes protected groups and their channels."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def changed_since(self, seq: int) -> tuple[int, Sequence[ProtectedGroup]]:
        """Return the configuration counter and the groups changed after `seq`."""
        async with self._database.transaction() as session:
            now = await current_seq(session)
            if now == seq:
                return now, ()
            rows = await session.rows("groups_changed_since", seq)
            by_bot: dict[int, list[asyncpg.Record]] = defaultdict(list)
            for row in rows:
                by_bot[row["bot_id"]].append(row)
            found: list[ProtectedGroup] = []
            for bot, groups in by_bot.items():
                ids = [row["group_id"] for row in groups]
                links = await session.rows("get_group_channels", bot, ids)
                found.extend(_groups(groups, links, await session.rows("former_ids", bot, ids)))
            return now, found

    async def protect(self, setup: GroupSetup) -> tuple[CaseId, ...]:
        """Turn the gate on with exactly these channels; open cases are looked at again under the new list."""
        try:
            async with self._database.transaction() as session:
                await _write_group(session, setup)
                await audit(session, setup.bot_id, setup.by, "protect", setup.group_id, _channel_ids(setup))
                return await _want_all(session, setup.bot_id, setup.group_id, Wanted.CHECK, Cause.PROTECT)
        except asyncpg.UniqueViolationError as error:
            raise GateTakenError(f"group {setup.group_id} is guarded by another bot") from error

    async def unprotect(self, bot: BotId, group: GroupId, by: UserId) -> tuple[CaseId, ...] | None:
        """Turn the gate off. The group row comes first, so that no new case slips in behind the sweep."""
        async with self._database.transaction() as session:
            if await session.row("unprotect_group", bot, group, await next_seq(session)) is None:
                return None
            freed = await _want_all(session, bot, group, Wanted.FREE, Cause.UNPROTECT)
            await audit(session, bot, by, "unprotect", group, {"freed": len(freed)})
            return freed

    async def pause(self, bot: BotId, group: GroupId, reason: str, *, free: bool) -> tuple[CaseId, ...]:
        """Stop gating until rights come back; `free` also frees everybody."""
        async with self._database.transaction() as session:
            if await session.row("pause_group", bot, group, reason, await next_seq(session)) is None:
                return ()
            await audit(session, bot, UserId(bot), "pause", group, {"reason": reason})
            return await _want_all(session, bot, group, Wanted.FREE, Cause.PAUSE) if free else ()

    async def resume(self, bot: BotId, group: GroupId) -> tuple[CaseId, ...]:
        """Gate again, and look at every open case again."""
        async with self._database.transaction() as session:
            if await session.row("pause_group", bot, group, None, await next_seq(session)) is None:
                return ()
            await audit(session, bot, UserId(bot), "resume", group, {})
            return await _want_all(session, bot, group, Wanted.CHECK, Cause.RESUME)

    async def move(self, bot: BotId, old: GroupId, new: GroupId) -> tuple[CaseId, ...]:
        """Follow a group to its supergroup's id; a second time changes nothing."""
        async with self._database.transaction() as session:
            seq = await next_seq(session)
            if await session.row("move_group", bot, old, new, seq) is None:
                # The new one was protected by hand before the move was heard of: it stands for the group alone.
                await session.row("unprotect_group", bot, old, seq)
                await session.execute("close_cases_of_group", bot, old)
                return ()
            rows = await session.rows("move_cases", bot, old, new)
            await session.execute("move_members_seen", bot, old, new)
            await session.execute("add_alias", bot, old, new)
            await audit(session, bot, UserId(bot), "move", new, {"from": old})
            return _case_ids(rows)

    async def set_on_unknown(self, bot: BotId, group: GroupId, on_unknown: OnUnknown, by: UserId) -> None:
        """Choose what happens to a message while membership cannot be checked."""
        async with self._database.transaction() as session:
            await session.execute("set_on_unknown", bot, group, on_unknown.value, await next_seq(session))
            await audit(session, bot, by, "set_on_unknown", group, {"to": on_unknown.value})

    async def seen(self, sightings: Sequence[tuple[BotId, GroupId, UserId, datetime]]) -> None:
        """Note in one statement who was seen where."""
        # In one order everywhere, so that two instances that write the same rows do not block each other.
        columns = [list(column) for column in zip(*sorted(sightings), strict=True)]
        await self._database.execute("members_seen", *columns)


async def _write_group(session: Session, setup: GroupSetup) -> None:
    seq = await next_seq(session)
    await session.execute(
        "upsert_group",
        setup.bot_id,
        setup.group_id,
        setup.title,
        setup.username,
        setup.enforcement.value,
        setup.language,
        setup.by,
        seq,
    )
    await session.execute("unlink_channels", setup.bot_id, setup.group_id)
    for position, channel in enumerate(setup.channels):
        await session.execute(
            "upsert_channel",
            setup.bot_id,
            channel.channel_id,
            channel.title,
            channel.username,
            channel.invite_link,
        )
        await session.execute("link_channel", setup.bot_id, setup.group_id, channel.channel_id, position)


async def _want_all(session: Session, bot: BotId, group: GroupId, wanted: Wanted, cause: Cause) -> tuple[CaseId, ...]:
    return _case_ids(await session.rows("want_open_cases", bot, group, wanted.value, cause.value))


def _case_ids(rows: Iterable[asyncpg.Record]) -> tuple[CaseId, ...]:
    return tuple(CaseId(row["restriction_id"]) for row in rows)


def _channel_ids(setup: GroupSetup) -> dict[str, object]:
    return {"channels": [channel.channel_id for channel in setup.channels]}


def _groups(
    groups: Iterable[asyncpg.Record], links: Iterable[asyncpg.Record], aliases: Iterable[asyncpg.Record]
) -> Iterable[ProtectedGroup]:
    former: dict[int, set[GroupId]] = defaultdict(set)
    for alias in aliases:
        former[alias["group_id"]].add(GroupId(alias["old_id"]))
    channels: dict[int, list[Channel]] = defaultdict(list)
    for link in links:
        channels[link["group_id"]].append(
            Channel(ChannelId(link["channel_id"]), link["title"], link["username"], link["invite_link"])
        )
    for row in groups:
        yield ProtectedGroup(
            bot_id=BotId(row["bot_id"]),
            group_id=GroupId(row["group_id"]),
            title=row["title"],
            username=row["username"],
            channels=tuple(channels[row["group_id"]]),
            configured_by=UserId(row["configured_by"]),
            enforcement=Enforcement(row["enforcement"]),
            on_unknown=OnUnknown(row["on_unknown"]),
            language=row["language"],
            protected=row["protected"],
            paused_reason=row["paused_reason"],
            former_ids=frozenset(former[row["group_id"]]),
        )
