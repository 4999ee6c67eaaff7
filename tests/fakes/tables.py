"""The tables beside the ledger, in memory: updates, groups, sightings, actions, and who leads."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from bot.domain.errors import ClaimLostError, GateTakenError, StoreUnavailableError
from bot.domain.group import Exemption, GroupSetup, Observed, ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, InstanceId, UpdateId, UserId
from bot.domain.intent import (
    Arrived,
    Asked,
    AskedNoMore,
    Asks,
    AsksAgain,
    Brought,
    Deletion,
    Echo,
    Intent,
    Moderated,
    Noted,
    Observe,
    OpenCase,
    Pardon,
    PromptSeen,
    Receipt,
    Regate,
    Remove,
    Unban,
    Want,
    WentAway,
)
from bot.domain.operator import By, actor_of
from bot.domain.policy import Enforcement, Policy, Presence, reopens, with_changes
from bot.domain.restriction import Done, PromptState, Wanted
from tests.fakes.store import FakeStore, Mark


class FakeInbox:
    """Which updates are done, as one instance claims them."""

    def __init__(self, store: FakeStore, instance: InstanceId | None = None) -> None:
        self._store = store
        self.instance = instance or InstanceId(uuid4())
        store.alive.add(self.instance)

    async def claim(self, bot: BotId, update: UpdateId) -> Receipt | bool:
        await self._store.hook("claim")
        now = self._store.clock.now()
        mark = self._store.marks.setdefault((bot, update), Mark("claimed", None, 0, now))
        if mark.state != "claimed":
            return True
        silent = mark.owner not in self._store.alive
        if mark.attempts and not silent and mark.claimed_at >= now - timedelta(seconds=30):
            return False
        mark.owner, mark.attempts, mark.claimed_at = self.instance, mark.attempts + 1, now
        return Receipt(bot, update, self.instance, mark.attempts)

    async def settle(self, receipt: Receipt, intents: Sequence[Intent]) -> tuple[CaseId, ...]:
        await self._store.hook("settle")
        mark = self._mine(receipt)
        if mark is None:
            raise ClaimLostError(f"update {receipt.update_id} is no longer ours")
        mark.state = "done"
        return tuple(case for intent in intents for case in self._apply(intent))

    async def release(self, receipt: Receipt, *, blameless: bool) -> None:
        await self._store.hook("release")
        mark = self._mine(receipt)
        if mark is not None:
            mark.owner, mark.attempts = None, mark.attempts - (1 if blameless else 0)

    async def bury(self, receipt: Receipt, body: bytes, error: str) -> None:
        await self._store.hook("bury")
        mark = self._mine(receipt)
        if mark is not None:
            mark.state = "dead"
            self._store.dead_letters[receipt.bot_id, receipt.update_id] = (body, error)

    def _mine(self, receipt: Receipt) -> Mark | None:
        mark = self._store.marks.get((receipt.bot_id, receipt.update_id))
        return mark if mark is not None and (mark.state, mark.owner) == ("claimed", receipt.owner) else None

    def _apply(self, intent: Intent) -> list[CaseId]:
        match intent:
            case OpenCase():
                return self._store.open_case(intent)
            case Want(case_ids, wanted, _):
                rows = [self._store.rows[case] for case in case_ids if case in self._store.rows]
                return [self._store.touch(row, wanted=wanted) for row in rows if not row.closed]
            case Regate():
                return self._store.regate(intent)
            case Moderated() | WentAway() | Echo():
                return self._store.told(intent)
            case Asked(bot, user, channel):
                self._store.channel_requests.setdefault((bot, user, channel), self._store.clock.now())
            case AskedNoMore(bot, user, channel):
                self._store.channel_requests.pop((bot, user, channel), None)
            case _:
                self._note(intent)
        return []

    def _note(
        self, intent: Noted | Pardon | Arrived | Observe | Remove | PromptSeen | Asks | AsksAgain | Brought
    ) -> None:
        match intent:
            case Noted():
                self._store.notes.append(intent)
            case Pardon():
                self._store.pardon(intent)
            case Arrived(bot, group, user):
                self._store.seen.add((bot, group, user))
                self._store.joined.setdefault((bot, group, user), self._store.clock.now())
            case Observe(bot, group, user, name, _, _):
                self._store.observed.setdefault((bot, group, user), name)
            case Asks() | AsksAgain() | Brought():
                self._store.asked.append(intent)
            case PromptSeen(bot, group, user, message):
                row = self._store.find(bot, group, user)
                if row is not None and row.case.prompt_ephemeral_id == message:
                    row.change(prompt_seen=True)
            case Remove(bot, group, message):
                deletions = self._store.deletions
                deletions.append(Deletion(len(deletions) + 1, bot, group, message))


class FakeRequests:
    """Who has asked to join which channel."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def asked(self, bot: BotId, user: UserId, minutes: int) -> Collection[ChannelId]:
        await self._store.hook("asked")
        since = self._store.clock.now() - timedelta(minutes=minutes)
        known = self._store.channel_requests.items()
        return {channel for (of, who, channel), at in known if (of, who) == (bot, user) and at > since}


class FakeGroups:
    """The configuration, and who was seen."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def put(self, group: ProtectedGroup) -> None:
        self._store.seq += 1
        self._store.groups[group.bot_id, group.group_id] = (self._store.seq, group)

    async def changed_since(self, seq: int) -> tuple[int, Sequence[ProtectedGroup]]:
        await self._store.hook("changed_since")
        return self._store.seq, [group for at, group in self._store.groups.values() if at > seq]

    async def protect(self, setup: GroupSetup) -> tuple[CaseId, ...]:
        await self._store.hook("protect")
        for (bot, group_id), (_, other) in self._store.groups.items():
            if group_id == setup.group_id and bot != setup.bot_id and other.protected:
                raise GateTakenError(f"group {setup.group_id} is guarded by another bot")
        known = self._get(setup.bot_id, setup.group_id)
        self.put(
            ProtectedGroup(
                bot_id=setup.bot_id,
                group_id=setup.group_id,
                title=setup.title,
                username=setup.username,
                channels=setup.channels,
                configured_by=setup.by,
                policy=Policy() if known is None else known.policy,
                basic_group=setup.basic_group,
                language=setup.language if known is None else known.language,
                protected_since=known.protected_since if known and known.protected else self._store.clock.now(),
                exempt=frozenset() if known is None else known.exempt,
            )
        )
        return self._want_all(setup.bot_id, setup.group_id, Wanted.CHECK)

    async def unprotect(self, bot: BotId, group: GroupId, by: UserId) -> tuple[CaseId, ...] | None:
        await self._store.hook("unprotect")
        known = self._get(bot, group)
        if known is None or not known.protected:
            return None
        self._store.audit.append(("unprotect", group, by))
        self.put(replace(known, protected=False, paused_reason=None))
        return self._want_all(bot, group, Wanted.FREE)

    async def pause(
        self, bot: BotId, group: GroupId, reason: str, *, was: str | None, free: bool, by: By | None = None
    ) -> tuple[CaseId, ...] | None:
        await self._store.hook("pause")
        known = self._get(bot, group)
        if known is None or not known.protected or known.paused_reason != was:
            return None
        self._store.audit.append(("pause", group, actor_of(by or UserId(bot)).user_id))
        self.put(replace(known, paused_reason=reason))
        return self._want_all(bot, group, Wanted.FREE) if free else ()

    async def resume(self, bot: BotId, group: GroupId, *, was: str, by: By | None = None) -> tuple[CaseId, ...] | None:
        await self._store.hook("resume")
        known = self._get(bot, group)
        if known is None or not known.protected or known.paused_reason != was:
            return None
        self._store.audit.append(("resume", group, actor_of(by or UserId(bot)).user_id))
        self.put(replace(known, paused_reason=None))
        return self._want_all(bot, group, Wanted.CHECK)

    async def hurry(self, bot: BotId, group: GroupId) -> tuple[CaseId, ...]:
        await self._store.hook("hurry")
        now = self._store.clock.now()
        return tuple(
            self._store.touch(row)
            for row in self._store.open_rows()
            if (row.case.bot_id, row.case.group_id, row.case.wanted) == (bot, group, Wanted.FREE)
            and (row.due_at is None or row.due_at > now)
        )

    async def move(self, bot: BotId, old: GroupId, new: GroupId) -> tuple[CaseId, ...]:
        await self._store.hook("move")
        known = self._get(bot, old)
        if known is None:
            return ()
        if self._get(bot, new) is not None:
            self.put(replace(known, protected=False, paused_reason=None))
            for row in self._store.open_rows():
                if (row.case.bot_id, row.case.group_id) == (bot, old):
                    row.closed, row.outcome, row.lease_owner, row.lease_until = True, "moved", None, None
            return ()
        del self._store.groups[bot, old]
        moved = replace(known, group_id=new, basic_group=False, former_ids=frozenset({old}))
        self.put(moved)
        return tuple(
            self._store.touch(
                row,
                group_id=new,
                enforcement=moved.enforcement,
                wanted=Wanted.CHECK,
                done=Done.NOTHING,
                delete_ids=(),
                prompt_state=PromptState.NONE,
                prompt_message_id=None,
                configuration=self._store.configured(bot, new),
                prompt_ephemeral_id=None,
            )
            for row in self._store.open_rows()
            if (row.case.bot_id, row.case.group_id) == (bot, old)
        )

    async def set_link(self, group: ProtectedGroup, channel: ChannelId, link: str | None) -> None:
        known = self._get(group.bot_id, group.group_id)
        if known is not None:
            channels = (
                replace(each, invite_link=link) if each.channel_id == channel else each for each in known.channels
            )
            self.put(replace(known, channels=tuple(channels)))

    async def set_prompt_text(self, bot: BotId, group: GroupId, text: str | None, by: UserId) -> None:
        del by
        known = self._get(bot, group)
        if known is not None:
            self.put(replace(known, prompt_text=text))

    async def set_policy(self, bot: BotId, group: GroupId, choices: Mapping[str, str], by: By) -> tuple[CaseId, ...]:
        await self._store.hook("set_policy")
        known = self._get(bot, group)
        if known is None:
            return ()
        self._store.audit.append(("set_policy", group, actor_of(by).user_id))
        policy = with_changes(known.policy, choices)
        changed = replace(known, policy=policy)
        self.put(changed)
        if not reopens(known.policy, policy):
            return ()
        free = changed.enforcement is Enforcement.OBSERVE or not known.protected
        wanted = Wanted.FREE if free else Wanted.CHECK
        begins = changed.enforcement is Enforcement.KICK is not known.enforcement
        since = {"kick_from": self._store.clock.now()} if begins else {}
        return self._want_all(bot, group, wanted, enforcement=changed.enforcement, **since)

    async def set_language(self, bot: BotId, group: GroupId, language: str, by: UserId) -> None:
        await self._store.hook("set_language")
        known = self._get(bot, group)
        if known is not None:
            self._store.audit.append(("set_language", group, by))
            self.put(replace(known, language=language))

    async def exempt(self, bot: BotId, group: GroupId, who: Exemption, by: UserId) -> tuple[CaseId, ...]:
        await self._store.hook("exempt")
        self._store.audit.append(("exempt", group, by))
        self._store.exempt(bot, group, who.user_id, who.user_name)
        row = self._store.find(bot, group, who.user_id)
        if row is None:
            return ()
        configured = self._store.configured(bot, group)
        return (self._store.touch(row, wanted=Wanted.FREE, configuration=configured),)

    async def unexempt(self, bot: BotId, group: GroupId, user: UserId, by: UserId) -> bool:
        await self._store.hook("unexempt")
        self._store.audit.append(("unexempt", group, by))
        known = self._get(bot, group)
        if known is None or user not in known.exempt:
            return False
        self.put(replace(known, exempt=known.exempt - {user}))
        return True

    async def exemptions(self, bot: BotId, group: GroupId, limit: int) -> Sequence[Exemption]:
        await self._store.hook("exemptions")
        known = self._get(bot, group)
        names = self._store.exempt_names
        exempt = sorted(known.exempt) if known is not None else []
        return [Exemption(user, names[bot, group, user]) for user in exempt][:limit]

    async def observed(self, bot: BotId, group: GroupId, since: datetime) -> Observed:
        await self._store.hook("observed")
        del since
        names = [name for (of, where, _), name in self._store.observed.items() if (of, where) == (bot, group)]
        return Observed(len(names), tuple(names[:10]))

    async def presence(self, bot: BotId, group: GroupId, user: UserId) -> Presence:
        await self._store.hook("presence")
        key = (bot, group, user)
        return Presence(self._store.joined.get(key), self._store.passed.get(key))

    async def seen(self, sightings: Sequence[tuple[BotId, GroupId, UserId, datetime]]) -> None:
        await self._store.hook("seen")
        self._store.seen.update((bot, group, user) for bot, group, user, _ in sightings)
        self._store.passed.update({(bot, group, user): at for bot, group, user, at in sightings})

    async def unasked(self, counts: Sequence[tuple[BotId, GroupId, int]]) -> None:
        await self._store.hook("unasked")
        for bot, group, count in counts:
            self._store.unasked[bot, group] = self._store.unasked.get((bot, group), 0) + count

    def _get(self, bot: BotId, group: GroupId) -> ProtectedGroup | None:
        return self._store.groups.get((bot, group), (0, None))[1]

    def _want_all(self, bot: BotId, group: GroupId, wanted: Wanted, **values: object) -> tuple[CaseId, ...]:
        return tuple(
            self._store.touch(row, wanted=wanted, configuration=self._store.configured(bot, group), **values)
            for row in self._store.open_rows()
            if (row.case.bot_id, row.case.group_id) == (bot, group)
        )


class FakeActions:
    """Actions that are due, and what became of them."""

    def __init__(self, *due: Deletion | Unban) -> None:
        self.waiting = list(due)
        self.finished: list[int] = []
        self.failures: list[tuple[int, str]] = []
        self.delays: list[tuple[int, float]] = []
        self.outages = 0

    async def take(self, limit: int) -> Sequence[Deletion | Unban]:
        if self.outages:
            self.outages -= 1
            raise StoreUnavailableError("away")
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    async def done(self, actions: Sequence[int]) -> None:
        self.finished.extend(actions)

    async def failed(self, actions: Sequence[int], error: str) -> None:
        self.failures.extend((action, error) for action in actions)

    async def wait(self, actions: Sequence[int], *, seconds: float) -> None:
        self.delays.extend((action, seconds) for action in actions)


class FakeLeader:
    """The only instance there is."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, int]] = []

    @asynccontextmanager
    async def held(self, purpose: int, subject: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        self.turns.append((purpose, subject))

        async def check() -> None:
            """Find nobody else."""

        yield check


class FakeNotes:
    """Which webhook was set last."""

    def __init__(self) -> None:
        self.notes: dict[BotId, str] = {}
        self.dropped: list[BotId] = []

    async def webhook_set(self, bot: BotId) -> str | None:
        return self.notes.get(bot)

    async def note_webhook(self, bot: BotId, fingerprint: str) -> None:
        self.notes[bot] = fingerprint

    async def drop_former_secret(self, bot: BotId) -> bool:
        self.dropped.append(bot)
        return True
