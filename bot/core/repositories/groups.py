"""The configuration of groups, as rows of PostgreSQL. Every change bumps the counter that instances poll."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar, cast

import asyncpg

from bot.core.postgres.database import Database, Session
from bot.core.repositories.configuration import audit, current_seq, next_seq
from bot.domain.errors import ChannelVetoedError, GateTakenError
from bot.domain.event import Cause
from bot.domain.group import Channel, Exemption, GroupSetup, Observed, ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.operator import By
from bot.domain.policy import Enforcement, Policy, Presence, in_force, read, reopens, with_changes, written
from bot.domain.restriction import Wanted

# A report names so many.
_MOST_NAMES = 10
# Read at once: some hundredths of a second for the statements, and as long for the objects.
_PAGE = 2_000
_LAST = 2**63 - 1

Value = TypeVar("Value", bound=Hashable)
Turn = Callable[[BotId], Awaitable[None]]
"""Raises StoreUnavailableError while other changes for the bot come first."""


class PostgresGroups:
    """Reads and writes protected groups and their channels. Each change waits for its `turn`, if there is one."""

    def __init__(self, *, database: Database, turn: Turn | None = None, page: int = _PAGE) -> None:
        self._database = database
        self._turn = turn
        self._page = page

    async def changed_since(self, seq: int) -> tuple[int, Sequence[ProtectedGroup]]:
        """Return the configuration counter and the groups changed after `seq`."""
        async with self._database.transaction() as session:
            now = await current_seq(session)
            if now == seq:
                return now, ()
            found, alike, place, full = list[ProtectedGroup](), _Alike(), (seq, _LAST, _LAST), True
            while full:
                rows = await session.rows("groups_changed_since", *place, self._page)
                found += await _read_groups(session, rows, alike)
                full = len(rows) == self._page
                if full:
                    place = rows[-1]["seq"], rows[-1]["bot_id"], rows[-1]["group_id"]
            return now, found

    async def protect(self, setup: GroupSetup) -> tuple[CaseId, ...]:
        """Turn the gate on with exactly these channels; open cases are looked at again under the new list."""
        try:
            async with self._changing(setup.bot_id) as session:
                await _write_group(session, setup)
                await audit(session, setup.bot_id, setup.by, "protect", setup.group_id, _channel_ids(setup))
                return await want_all(session, setup.bot_id, setup.group_id, Wanted.CHECK, Cause.PROTECT)
        except asyncpg.UniqueViolationError as error:
            raise GateTakenError(f"group {setup.group_id} is guarded by another bot") from error

    async def unprotect(self, bot: BotId, group: GroupId, by: UserId) -> tuple[CaseId, ...] | None:
        """Turn the gate off. The group row comes first, so that no new case slips in behind the sweep."""
        async with self._changing(bot) as session:
            freed = await open_group(session, bot, group)
            if freed is not None:
                await audit(session, bot, by, "unprotect", group, {"freed": len(freed)})
            return freed

    async def pause(
        self, bot: BotId, group: GroupId, reason: str, *, was: str | None, free: bool, by: By | None = None
    ) -> tuple[CaseId, ...] | None:
        """Stop gating until rights come back; `free` also frees everybody."""
        async with self._changing(bot) as session:
            if await session.row("pause_group", bot, group, reason, await next_seq(session), was) is None:
                return None
            await audit(session, bot, by or UserId(bot), "pause", group, {"reason": reason})
            return await want_all(session, bot, group, Wanted.FREE, Cause.PAUSE) if free else ()

    async def resume(self, bot: BotId, group: GroupId, *, was: str, by: By | None = None) -> tuple[CaseId, ...] | None:
        """Gate again, and look at every open case again."""
        async with self._changing(bot) as session:
            if await session.row("pause_group", bot, group, None, await next_seq(session), was) is None:
                return None
            await audit(session, bot, by or UserId(bot), "resume", group, {})
            return await want_all(session, bot, group, Wanted.CHECK, Cause.RESUME)

    async def hurry(self, bot: BotId, group: GroupId) -> tuple[CaseId, ...]:
        """Have everybody who is to be freed in the group freed now."""
        return _case_ids(await self._database.rows("hurry_freeing", bot, group))

    async def move(self, bot: BotId, old: GroupId, new: GroupId) -> tuple[CaseId, ...]:
        """Follow a group to its supergroup's id; a second time changes nothing."""
        async with self._changing(bot) as session:
            seq = await next_seq(session)
            moved = await session.row("move_group", bot, old, new, seq)
            if moved is None:
                # The new one was protected by hand before the move was heard of: it stands for the group alone.
                await session.row("unprotect_group", bot, old, seq)
                await session.execute("close_cases_of_group", bot, old)
                return ()
            rows = await session.rows("move_cases", bot, old, new, moved["enforcement"])
            await session.execute("move_members_seen", bot, old, new)
            await session.execute("move_uses", bot, old, new)
            await session.execute("add_alias", bot, old, new)
            await audit(session, bot, UserId(bot), "move", new, {"from": old})
            return _case_ids(rows)

    async def set_policy(self, bot: BotId, group: GroupId, choices: Mapping[str, str], by: By) -> tuple[CaseId, ...]:
        """Choose settings. Whom they may decide on otherwise is looked at again; a gate that observes holds nobody."""
        async with self._changing(bot) as session:
            # The counter is one row: no other change comes between the reading and the writing.
            seq, row = await next_seq(session), await session.row("get_protected_group", bot, group)
            if row is None:
                return ()
            policy = with_changes(read(row["policy"]), choices)
            enforcement = in_force(policy.enforcement, basic_group=row["basic_group"])
            await session.execute("set_policy", bot, group, written(policy), enforcement.value, seq)
            await audit(session, bot, by, "set_policy", group, dict(choices))
            if not reopens(read(row["policy"]), policy):
                return ()
            wanted = Wanted.FREE if enforcement is Enforcement.OBSERVE or not row["protected"] else Wanted.CHECK
            return _case_ids(await session.rows("rule_open_cases", bot, group, enforcement.value, wanted.value))

    async def set_link(self, group: ProtectedGroup, channel: ChannelId, link: str | None) -> None:
        """Have the group's prompts lead into the channel by this link."""
        async with self._changing(group.bot_id) as session:
            if await touch_group(session, group.bot_id, group.group_id):
                await session.execute("link_use", group.bot_id, channel, group.group_id, group.title, link)

    async def set_language(self, bot: BotId, group: GroupId, language: str, by: UserId) -> None:
        """Choose the language of what is said to the whole group."""
        async with self._changing(bot) as session:
            await session.execute("set_language", bot, group, language, await next_seq(session))
            await audit(session, bot, by, "set_language", group, {"to": language})

    async def set_prompt_text(self, bot: BotId, group: GroupId, text: str | None, by: UserId) -> None:
        """Choose the words of the prompt; None for the catalog's. The words themselves are no matter of the audit."""
        async with self._changing(bot) as session:
            await session.execute("set_prompt_text", bot, group, text, await next_seq(session))
            await audit(session, bot, by, "set_prompt_text", group, {"own": text is not None})

    async def exempt(self, bot: BotId, group: GroupId, who: Exemption, by: UserId) -> tuple[CaseId, ...]:
        """Let somebody write whatever they are in, and free them."""
        async with self._changing(bot) as session:
            if not await touch_group(session, bot, group):
                return ()
            await session.execute("exempt_user", bot, group, who.user_id, who.user_name, by)
            await audit(session, bot, by, "exempt", group, {"user": who.user_id})
            return _case_ids(await session.rows("want_case_of", bot, group, who.user_id, Wanted.FREE.value))

    async def unexempt(self, bot: BotId, group: GroupId, user: UserId, by: UserId) -> bool:
        """Ask somebody for the channels again."""
        async with self._changing(bot) as session:
            await touch_group(session, bot, group)
            await audit(session, bot, by, "unexempt", group, {"user": user})
            return bool(await session.execute("unexempt_user", bot, group, user))

    async def exemptions(self, bot: BotId, group: GroupId, limit: int) -> Sequence[Exemption]:
        """Return who is exempt, the last ones first."""
        rows = await self._database.rows("exemptions", bot, group, limit)
        return [Exemption(UserId(row["user_id"]), row["user_name"]) for row in rows]

    async def observed(self, bot: BotId, group: GroupId, since: datetime) -> Observed:
        """Return whom the gate only observed since then."""
        rows = await self._database.rows("observed", bot, group, since)
        return Observed(len(rows), tuple(row["user_name"] for row in rows[:_MOST_NAMES]))

    async def presence(self, bot: BotId, group: GroupId, user: UserId) -> Presence:
        """Return what is known of somebody's time in a group."""
        row = await self._database.row("presence", bot, group, user)
        return Presence() if row is None else Presence(row["joined_at"], row["passed_at"])

    @asynccontextmanager
    async def _changing(self, bot: BotId) -> AsyncIterator[Session]:
        if self._turn is not None:
            await self._turn(bot)
        async with self._database.transaction() as session:
            yield session

    async def seen(self, sightings: Sequence[tuple[BotId, GroupId, UserId, datetime]]) -> None:
        """Note in one statement who was seen where."""
        # In one order everywhere, so that two instances that write the same rows do not block each other.
        columns = [list(column) for column in zip(*sorted(sightings), strict=True)]
        await self._database.execute("members_seen", *columns)

    async def unasked(self, counts: Sequence[tuple[BotId, GroupId, int]]) -> None:
        """Count messages that needed no question."""
        columns = [list(column) for column in zip(*sorted(counts), strict=True)]
        await self._database.execute("count_unasked", *columns)


async def _write_group(session: Session, setup: GroupSetup) -> None:
    seq, known = await next_seq(session), await session.row("get_protected_group", setup.bot_id, setup.group_id)
    policy = Policy() if known is None else read(known["policy"])
    await session.execute(
        "upsert_group",
        setup.bot_id,
        setup.group_id,
        setup.title,
        setup.username,
        in_force(policy.enforcement, basic_group=setup.basic_group).value,
        setup.basic_group,
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
        link = (setup.bot_id, channel.channel_id, setup.group_id, setup.title, channel.invite_link)
        await session.execute("link_use", *link)
        if not await session.execute("link_channel", setup.bot_id, setup.group_id, channel.channel_id, position):
            raise ChannelVetoedError(channel.title)


async def touch_group(session: Session, bot: BotId, group: GroupId) -> bool:
    """Have instances read the group anew; False when there is no such group. It comes before its cases."""
    return await session.row("touch_group", bot, group, await next_seq(session)) is not None


async def open_group(session: Session, bot: BotId, group: GroupId) -> tuple[CaseId, ...] | None:
    """Protect a group no more and free everybody; None when it is not protected."""
    if await session.row("unprotect_group", bot, group, await next_seq(session)) is None:
        return None
    return await want_all(session, bot, group, Wanted.FREE, Cause.UNPROTECT)


async def want_all(session: Session, bot: BotId, group: GroupId, wanted: Wanted, cause: Cause) -> tuple[CaseId, ...]:
    """Want the same of everybody who has an open case in the group; return the cases."""
    return _case_ids(await session.rows("want_open_cases", bot, group, wanted.value, cause.value))


def _case_ids(rows: Iterable[asyncpg.Record]) -> tuple[CaseId, ...]:
    return tuple(CaseId(row["restriction_id"]) for row in rows)


def _channel_ids(setup: GroupSetup) -> dict[str, object]:
    return {"channels": [channel.channel_id for channel in setup.channels]}


class _Alike:
    """What many groups have alike is held once: less memory, and the gate finds it in the processor's caches."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Hashable] = {}

    def one(self, value: Value) -> Value:
        """Return the first one that was equal to this."""
        return cast("Value", self._kept.setdefault(value, value))


async def _read_groups(session: Session, rows: Sequence[asyncpg.Record], alike: _Alike) -> list[ProtectedGroup]:
    by_bot: dict[BotId, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        by_bot[BotId(row["bot_id"])].append(row)
    found: list[ProtectedGroup] = []
    for bot, groups in by_bot.items():
        ids = [row["group_id"] for row in groups]
        links = await session.rows("get_group_channels", bot, ids)
        former = await session.rows("former_ids", bot, ids)
        exempt = await session.rows("exempt_of_groups", bot, ids)
        found.extend(_groups(bot, groups, links, former, exempt, alike))
    return found


def _groups(
    bot: BotId,
    groups: Iterable[asyncpg.Record],
    links: Iterable[asyncpg.Record],
    aliases: Iterable[asyncpg.Record],
    exemptions: Iterable[asyncpg.Record],
    alike: _Alike,
) -> Iterable[ProtectedGroup]:
    exempt: dict[int, set[UserId]] = defaultdict(set)
    for exemption in exemptions:
        exempt[exemption["group_id"]].add(UserId(exemption["user_id"]))
    former: dict[int, set[GroupId]] = defaultdict(set)
    for alias in aliases:
        former[alias["group_id"]].add(GroupId(alias["old_id"]))
    channels: dict[int, tuple[Channel, ...]] = defaultdict(tuple)
    for link in links:
        channel = Channel(ChannelId(link["channel_id"]), link["title"], link["username"], link["invite_link"])
        channels[link["group_id"]] += (channel,)
    for row in groups:
        group = GroupId(row["group_id"])
        yield ProtectedGroup(
            bot_id=bot,
            group_id=group,
            title=row["title"],
            username=row["username"],
            channels=alike.one(channels[group]),
            configured_by=UserId(row["configured_by"]),
            policy=alike.one(read(row["policy"])),
            basic_group=row["basic_group"],
            language=alike.one(row["language"]),
            protected=row["protected"],
            protected_since=row["protected_since"],
            exempt=alike.one(frozenset(exempt[group])),
            paused_reason=row["paused_reason"],
            prompt_text=row["prompt_text"],
            former_ids=alike.one(frozenset(former[group])),
        )
