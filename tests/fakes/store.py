"""PostgreSQL as the services see it, in memory: the same conditions as bot/core/sql, on dataclasses."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from bot.domain.crowd import Crowd, Room
from bot.domain.group import ProtectedGroup
from bot.domain.ids import (
    BotId,
    CaseId,
    ChannelId,
    EphemeralId,
    GroupId,
    InstanceId,
    MessageId,
    TopicId,
    UpdateId,
    UserId,
)
from bot.domain.intent import (
    Asks,
    AsksAgain,
    Brought,
    Deletion,
    Echo,
    EphemeralDeletion,
    Moderated,
    Noted,
    OpenCase,
    Pardon,
    Regate,
    Unban,
    WentAway,
)
from bot.domain.permissions import Prior
from bot.domain.policy import Enforcement, OnLeave
from bot.domain.restriction import OBSERVED, PROMPT_LIFE, Case, Done, PromptState, Wanted
from tests.fakes.ports import FakeClock, Hook, no_hook

_LEASE = timedelta(seconds=3)
_MOST_REMEMBERED = 1000


@dataclass(slots=True)
class Row:
    """A row of `restrictions`."""

    case: Case
    done_at: datetime
    due_at: datetime | None
    lease_owner: InstanceId | None = None
    lease_until: datetime | None = None
    closed: bool = False
    outcome: str | None = None

    def change(self, **values: object) -> None:
        self.case = replace(self.case, **values)  # type: ignore[arg-type]  # names are Case's own


@dataclass(slots=True)
class Mark:
    """A row of `updates_done`."""

    state: str
    owner: InstanceId | None
    attempts: int
    claimed_at: datetime


@dataclass(slots=True)
class SharedPrompt:
    """A row of `shared_prompts`."""

    minute_at: datetime
    in_minute: int = 0
    topic_id: TopicId | None = None
    message_id: MessageId | None = None
    shown: int = 0
    sent_at: datetime | None = None
    quiet_until: datetime | None = None
    due_at: datetime | None = None
    version: int = 1
    lease_owner: InstanceId | None = None
    lease_until: datetime | None = None

    def changed(self, now: datetime, seconds: float) -> None:
        due = max(now + timedelta(seconds=seconds), self.quiet_until or now)
        self.due_at = due if self.due_at is None else min(due, self.due_at)
        self.version += 1


@dataclass(slots=True)
class FakeStore:
    """The tables."""

    clock: FakeClock
    hook: Hook = no_hook
    rows: dict[CaseId, Row] = field(default_factory=dict)
    groups: dict[tuple[BotId, GroupId], tuple[int, ProtectedGroup]] = field(default_factory=dict)
    seq: int = 0
    seen: set[tuple[BotId, GroupId, UserId]] = field(default_factory=set)
    unasked: dict[tuple[BotId, GroupId], int] = field(default_factory=dict)
    marks: dict[tuple[BotId, UpdateId], Mark] = field(default_factory=dict)
    dead_letters: dict[tuple[BotId, UpdateId], tuple[bytes, str]] = field(default_factory=dict)
    deletions: list[Deletion] = field(default_factory=list)
    ephemeral_deletions: list[EphemeralDeletion] = field(default_factory=list)
    shared: dict[tuple[BotId, GroupId], SharedPrompt] = field(default_factory=dict)
    unbans: list[Unban] = field(default_factory=list)
    asked: list[Asks | AsksAgain | Brought] = field(default_factory=list)
    channel_requests: dict[tuple[BotId, UserId, ChannelId], datetime] = field(default_factory=dict)
    observed: dict[tuple[BotId, GroupId, UserId], str] = field(default_factory=dict)
    joined: dict[tuple[BotId, GroupId, UserId], datetime] = field(default_factory=dict)
    passed: dict[tuple[BotId, GroupId, UserId], datetime] = field(default_factory=dict)
    exempt_names: dict[tuple[BotId, GroupId, UserId], str] = field(default_factory=dict)
    alive: set[InstanceId] = field(default_factory=set)
    audit: list[tuple[str, GroupId, UserId]] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)
    events: list[tuple[str, UserId, tuple[ChannelId, ...]]] = field(default_factory=list)
    """What happened to whom, and for the lack of which channels."""

    def open_rows(self) -> list[Row]:
        return [row for row in self.rows.values() if not row.closed]

    def find(self, bot: BotId, group: GroupId, user: UserId) -> Row | None:
        key = (bot, group, user)
        rows = self.open_rows()
        return next((row for row in rows if (row.case.bot_id, row.case.group_id, row.case.user_id) == key), None)

    def gating(self, bot: BotId, group: GroupId) -> ProtectedGroup | None:
        _, found = self.groups.get((bot, group), (0, None))
        return found if found is not None and found.gating else None

    def configured(self, bot: BotId, group: GroupId) -> int:
        """Return the number of the last change of a group's settings."""
        return self.groups[bot, group][0]

    def touch(self, row: Row, **values: object) -> CaseId:
        """Change a case as anybody may: a new version, unless one is given, and due at once."""
        row.change(**{"version": row.case.version + 1, **values}, attempts=0)
        row.due_at = self.clock.now()
        return row.case.case_id

    def open_case(self, intent: OpenCase) -> list[CaseId]:
        self.seen.add((intent.bot_id, intent.group_id, intent.user_id))
        group = self.gating(intent.bot_id, intent.group_id)
        if group is None or intent.user_id in group.exempt:
            return []
        observing = group.enforcement is Enforcement.OBSERVE
        intent = replace(intent, enforcement=group.enforcement, delete_ids=() if observing else intent.delete_ids)
        row = self.find(intent.bot_id, intent.group_id, intent.user_id)
        if row is None:
            return [self._insert(intent)]
        case = row.case
        younger = (
            case.done is Done.MUTED
            and intent.sent_at is not None
            and intent.sent_at > row.done_at + timedelta(seconds=2)
        )
        check = case.wanted is Wanted.FREE or intent.sent_at is None or younger
        remembered = len(case.delete_ids) < _MOST_REMEMBERED
        if not remembered and case.done in {Done.MUTED, Done.NOTICED} and not younger:
            self.deletions.extend(
                Deletion(len(self.deletions) + 1, intent.bot_id, intent.group_id, message)
                for message in intent.delete_ids
            )
        on_the_way = case.wanted is Wanted.MUTE and case.done in {Done.NOTHING, Done.LIFTED, Done.MUTING}
        same = on_the_way and intent.sent_at is not None and case.enforcement is intent.enforcement
        return [
            self.touch(
                row,
                version=case.version + (0 if same else 1),
                configuration=self.configured(case.bot_id, case.group_id),
                delete_ids=case.delete_ids + intent.delete_ids if remembered else case.delete_ids,
                enforcement=intent.enforcement,
                language=intent.language,
                topic_id=intent.topic_id or case.topic_id,
                wanted=Wanted.CHECK if check else case.wanted,
                done=Done.MUTING if younger else case.done,
            )
        ]

    def regate(self, intent: Regate) -> list[CaseId]:
        found: list[CaseId] = []
        for (bot, group_id), (_, group) in sorted(self.groups.items(), key=lambda item: item[0]):
            if bot != intent.bot_id or intent.channel_id not in group.channel_ids:
                continue
            row = self.find(bot, group_id, intent.user_id)
            if row is not None:
                found.append(self.touch(row, wanted=Wanted.CHECK))
            elif (
                group.gating
                and (bot, group_id, intent.user_id) in self.seen
                and intent.user_id not in group.exempt
                and group.policy.on_leave is OnLeave.REGATE
            ):
                opened = OpenCase(
                    bot,
                    group_id,
                    intent.user_id,
                    intent.user_name,
                    intent.language or group.language,
                    group.enforcement,
                    Wanted.MUTE,
                )
                found.append(self._insert(opened))
        return found

    def moderated(self, intent: Moderated) -> list[CaseId]:
        row = self.find(intent.bot_id, intent.group_id, intent.user_id)
        if row is None:
            return []
        if intent.prior is None:
            return [self.touch(row, prior=None, wanted=Wanted.FREE)]
        case, may_send = row.case, "can_send_messages" in intent.prior.permissions
        return [
            self.touch(
                row,
                prior=intent.prior,
                wanted=Wanted.CHECK if may_send and case.wanted is not Wanted.FREE else case.wanted,
                done=Done.MUTING if may_send and case.done is Done.MUTED else case.done,
            )
        ]

    def told(self, intent: Moderated | WentAway | Echo) -> list[CaseId]:
        match intent:
            case Moderated():
                return self.moderated(intent)
            case WentAway():
                self.went_away(intent)
                return []
            case Echo():
                return self.echo(intent)

    def pardon(self, intent: Pardon) -> None:
        row = self.find(intent.bot_id, intent.group_id, intent.user_id)
        if row is not None and row.case.our_until == intent.until:
            self.exempt(intent.bot_id, intent.group_id, intent.user_id, row.case.user_name)

    def exempt(self, bot: BotId, group: GroupId, user: UserId, name: str) -> None:
        """Put somebody on a group's list."""
        self.seq += 1
        found = self.groups[bot, group][1]
        self.groups[bot, group] = (self.seq, replace(found, exempt=found.exempt | {user}))
        self.exempt_names[bot, group, user] = name

    def went_away(self, intent: WentAway) -> None:
        row = self.find(intent.bot_id, intent.group_id, intent.user_id)
        if row is None or row.case.prompt_state is not PromptState.SENT:
            return
        case = row.case
        if case.prompt_message_id is not None:
            self.deletions.append(Deletion(len(self.deletions) + 1, case.bot_id, case.group_id, case.prompt_message_id))
        wanted = Wanted.CHECK if case.wanted is Wanted.MUTE else case.wanted
        if case.prompt_message_id is None and case.prompt_ephemeral_id is not None:
            number = len(self.ephemeral_deletions) + 1
            where = (case.bot_id, case.group_id, case.user_id, case.prompt_ephemeral_id)
            self.ephemeral_deletions.append(EphemeralDeletion(number, *where))
        if case.shares_prompt:
            self.shared[case.bot_id, case.group_id].changed(self.clock.now(), 1)
        row.change(
            prompt_state=PromptState.GONE,
            prompt_message_id=None,
            prompt_ephemeral_id=None,
            wanted=wanted,
            version=case.version + 1,
        )

    def echo(self, intent: Echo) -> list[CaseId]:
        row = self.find(intent.bot_id, intent.group_id, intent.user_id)
        if row is not None and row.case.our_until == intent.until:
            freeing = row.case.done in {Done.LIFTED, Done.NOTICED} or row.case.wanted is Wanted.FREE
            done = row.case.done if row.case.done is Done.MUTED else Done.MUTING
            return [self.touch(row, done=done)] if freeing else []
        who = (intent.bot_id, intent.group_id, intent.user_id, intent.until)
        for orphan in self.rows.values():
            case = orphan.case
            if orphan.closed and (case.bot_id, case.group_id, case.user_id, case.our_until) == who:
                if row is not None:
                    found = {"prior": case.prior, "our_until": case.our_until}
                    orphan.change(prior=row.case.prior, our_until=row.case.our_until)
                    return [self.touch(row, **found, done=Done.MUTING, wanted=Wanted.CHECK)]
                orphan.closed, orphan.outcome = False, None
                return [self.touch(orphan, done=Done.MUTING, wanted=Wanted.CHECK)]
        return []

    def _insert(self, intent: OpenCase) -> CaseId:
        now, number = self.clock.now(), CaseId(len(self.rows) + 1)
        case = Case(
            case_id=number,
            bot_id=intent.bot_id,
            group_id=intent.group_id,
            user_id=intent.user_id,
            user_name=intent.user_name,
            language=intent.language,
            enforcement=intent.enforcement,
            wanted=intent.wanted,
            done=Done.NOTHING,
            version=1,
            attempts=0,
            prior=None,
            our_until=None,
            delete_ids=intent.delete_ids,
            topic_id=intent.topic_id,
            prompt_state=PromptState.NONE,
            prompt_message_id=None,
            prompt_channels=(),
            opened_at=now,
            done_at=now,
            configuration=self.configured(intent.bot_id, intent.group_id),
        )
        self.events.append(("stopped", intent.user_id, intent.missing))
        self.rows[number] = Row(case, done_at=now, due_at=now)
        return number


class FakeLedger:
    """The cases, as one instance works on them."""

    def __init__(self, store: FakeStore, instance: InstanceId | None = None) -> None:
        self._store = store
        self._instance = instance or InstanceId(uuid4())

    async def lease(self, case_id: CaseId) -> Case | None:
        await self._store.hook("lease")
        row, now = self._store.rows.get(case_id), self._store.clock.now()
        if row is None or row.closed:
            return None
        if row.lease_until is not None and row.lease_until >= now and row.lease_owner != self._instance:
            return None
        row.lease_owner, row.lease_until = self._instance, now + _LEASE
        return row.case

    async def renew(self, case_id: CaseId) -> bool:
        await self._store.hook("renew")
        row = self._held(case_id, fresh=True)
        if row is not None:
            row.lease_until = self._store.clock.now() + _LEASE
        return row is not None

    async def give_back(self, case_id: CaseId) -> None:
        await self._store.hook("give_back")
        row = self._held(case_id)
        if row is not None:
            row.lease_owner = row.lease_until = None

    async def due(self, limit: int, *, without: Collection[BotId] = ()) -> Sequence[tuple[BotId, CaseId]]:
        await self._store.hook("due")
        now = self._store.clock.now()
        waiting = [
            (row.due_at, row.case.bot_id, row.case.case_id)
            for row in self._store.open_rows()
            if row.due_at is not None and row.due_at <= now and (row.lease_until is None or row.lease_until < now)
        ]
        return [(bot, case_id) for _, bot, case_id in sorted(waiting) if bot not in without][:limit]

    async def want(self, case: Case, wanted: Wanted) -> Case | None:
        await self._store.hook("want")
        row = self._held(case.case_id, fresh=True)
        if row is not None and row.case.version == case.version:
            ungated = wanted is Wanted.MUTE and self._store.gating(case.bot_id, case.group_id) is None
            row.change(wanted=Wanted.FREE if ungated else wanted, version=case.version + 1)
        return None if row is None else row.case

    async def did(self, case: Case, done: Done, *, missing: Sequence[ChannelId] = ()) -> Case | None:
        await self._store.hook("did")
        row = self._held(case.case_id)
        if row is None:
            return None
        row.change(done=done, attempts=0, done_at=self._store.clock.now())
        row.done_at = self._store.clock.now()
        self._store.events.append((done.value, row.case.user_id, tuple(missing)))
        return row.case

    async def lifted(self, case: Case) -> Case | None:
        await self._store.hook("lifted")
        row = self._held(case.case_id)
        if row is None:
            return None
        row.change(done=Done.LIFTED if row.case.version == case.version else Done.MUTING, attempts=0)
        row.done_at = self._store.clock.now()
        return row.case

    async def muting(self, case: Case, *, prior: Prior | None, until: datetime) -> Case | None:
        await self._store.hook("muting")
        row = self._held(case.case_id, fresh=True)
        if row is None:
            return None
        row.done_at = self._store.clock.now()
        if row.case.version == case.version:
            row.change(done=Done.MUTING, prior=prior, our_until=until, version=case.version + 1)
        return row.case

    async def deleted(self, case: Case, messages: Sequence[MessageId]) -> Case | None:
        await self._store.hook("deleted")
        row = self._held(case.case_id)
        if row is None:
            return None
        row.change(delete_ids=tuple(each for each in row.case.delete_ids if each not in messages))
        return row.case

    async def prompting(self, case: Case, *, room: Room, channels: Sequence[ChannelId]) -> Case | None:
        await self._store.hook("prompting")
        row, now = self._held(case.case_id, fresh=True), self._store.clock.now()
        if row is None:
            return None
        shared = self._store.shared.setdefault((row.case.bot_id, row.case.group_id), SharedPrompt(now))
        if shared.minute_at < now - timedelta(minutes=1):
            shared.minute_at, shared.in_minute = now, 1
        else:
            shared.in_minute += row.case.prompt_state is not PromptState.SENDING
        is_full = shared.in_minute > room.places
        if shared.message_id is None:
            shared.topic_id = row.case.topic_id
        if is_full:
            shared.changed(now, room.gather_seconds)
        row.change(
            prompt_state=PromptState.SENT if is_full else PromptState.SENDING,
            prompt_message_id=None,
            prompt_ephemeral_id=None if is_full else row.case.prompt_ephemeral_id,
            prompt_seen=False,
            prompt_sent_at=now if is_full else row.case.prompt_sent_at,
            prompt_channels=tuple(channels),
        )
        return row.case

    async def prompted(
        self,
        case: Case,
        state: PromptState,
        *,
        message: MessageId | None = None,
        ephemeral: EphemeralId | None = None,
        channels: Sequence[ChannelId] = (),
    ) -> Case | None:
        await self._store.hook("prompted")
        row = self._held(case.case_id)
        if row is None:
            return None
        if row.case.shares_prompt:
            self._store.shared[row.case.bot_id, row.case.group_id].changed(self._store.clock.now(), 1)
        before = (row.case.prompt_message_id, row.case.prompt_ephemeral_id)
        if state is PromptState.SENT and before != (message, ephemeral):
            row.change(prompt_sent_at=self._store.clock.now())
        row.change(
            prompt_state=state,
            prompt_message_id=message,
            prompt_ephemeral_id=ephemeral,
            prompt_channels=tuple(channels),
        )
        return row.case

    async def kicking(self, case: Case) -> datetime | None:
        await self._store.hook("kicking")
        row = self._held(case.case_id, fresh=True)
        if row is None or row.case.version != case.version:
            return None
        unbans = self._store.unbans
        until = (self._store.clock.now() + timedelta(minutes=5)).replace(microsecond=0)
        unbans.append(Unban(len(unbans) + 1, case.bot_id, case.group_id, case.user_id, until))
        return until

    async def rest(self, case: Case, *, wake_at: datetime | None) -> bool:
        await self._store.hook("rest")
        row = self._held(case.case_id)
        if row is None or row.case.version != case.version:
            return False
        row.change(attempts=0)
        soon = self._store.clock.now() + timedelta(seconds=10)
        row.due_at = None if wake_at is None else max(wake_at, soon)
        row.lease_owner = row.lease_until = None
        return True

    async def close(self, case: Case, *, outcome: str) -> bool:
        await self._store.hook("close")
        row = self._held(case.case_id)
        if row is None or row.case.version != case.version:
            return False
        row.closed, row.outcome, row.lease_owner, row.lease_until = True, outcome, None, None
        self._store.events.append((outcome, row.case.user_id, row.case.prompt_channels))
        if outcome == OBSERVED:
            self._store.observed[case.bot_id, case.group_id, case.user_id] = case.user_name
        return True

    async def postpone(self, case: Case, *, seconds: float) -> bool:
        await self._store.hook("postpone")
        row, now = self._held(case.case_id), self._store.clock.now()
        if row is None:
            return True
        is_same = row.case.version == case.version
        row.due_at = now + timedelta(seconds=seconds) if is_same else now
        row.change(attempts=row.case.attempts + 1)
        row.lease_owner = row.lease_until = None
        return is_same

    async def of_user(self, bot: BotId, user: UserId, channel: ChannelId) -> Sequence[tuple[CaseId, GroupId]]:
        await self._store.hook("of_user")
        found: list[tuple[CaseId, GroupId]] = []
        for row in self._store.open_rows():
            case = row.case
            _, group = self._store.groups.get((bot, case.group_id), (0, None))
            if (case.bot_id, case.user_id) == (bot, user) and group is not None and channel in group.channel_ids:
                found.append((case.case_id, case.group_id))
        return found

    async def open_case(self, bot: BotId, group: GroupId, user: UserId) -> CaseId | None:
        await self._store.hook("open_case")
        row = self._store.find(bot, group, user)
        return None if row is None else row.case.case_id

    async def imposed(self, bot: BotId, group: GroupId, user: UserId, until: datetime) -> bool:
        await self._store.hook("imposed")
        cases = [row.case for row in self._store.rows.values()]
        ends = [
            case.our_until
            for case in cases
            if (case.bot_id, case.group_id, case.user_id) == (bot, group, user) and case.our_until is not None
        ]
        return not ends or until in ends

    async def prompt_stands(self, bot: BotId, group: GroupId, message: MessageId) -> bool:
        await self._store.hook("prompt_stands")
        here = [row.case for row in self._store.open_rows() if (row.case.bot_id, row.case.group_id) == (bot, group)]
        shared, now = self._store.shared.get((bot, group)), self._store.clock.now()
        if shared is not None and (
            shared.message_id == message or (shared.lease_until is not None and shared.lease_until > now)
        ):
            return True
        return any(case.prompt_message_id == message or case.prompt_state is PromptState.SENDING for case in here)

    async def ephemeral_stands(self, bot: BotId, group: GroupId, user: UserId, message: EphemeralId) -> bool:
        await self._store.hook("ephemeral_stands")
        row = self._store.find(bot, group, user)
        if row is None:
            return False
        stands = row.case.prompt_state is PromptState.SENT and row.case.prompt_ephemeral_id == message
        return stands or row.case.prompt_state is PromptState.SENDING

    async def count_open(self, bot: BotId, group: GroupId) -> int:
        await self._store.hook("count_open")
        kept = {Done.MUTING, Done.MUTED, Done.NOTICED}
        cases = [row.case for row in self._store.open_rows()]
        return sum((case.bot_id, case.group_id) == (bot, group) and case.done in kept for case in cases)

    def _held(self, case_id: CaseId, *, fresh: bool = False) -> Row | None:
        row = self._store.rows.get(case_id)
        if row is None or row.closed or row.lease_owner != self._instance:
            return None
        if fresh and (row.lease_until is None or row.lease_until <= self._store.clock.now()):
            return None
        return row


class FakeCrowds:
    """The shared prompts, as one instance works on them."""

    def __init__(self, store: FakeStore, instance: InstanceId | None = None) -> None:
        self._store = store
        self._instance = instance or InstanceId(uuid4())

    async def take(self, limit: int) -> Sequence[Crowd]:
        await self._store.hook("take")
        now, found = self._store.clock.now(), list[Crowd]()
        for (bot, group), row in self._store.shared.items():
            is_free = row.lease_until is None or row.lease_until < now
            if row.due_at is None or row.due_at > now or not is_free or len(found) == limit:
                continue
            row.lease_owner, row.lease_until = self._instance, now + timedelta(seconds=10)
            cases = [each.case for each in self._store.open_rows()]
            waiting = sum(case.shares_prompt and (case.bot_id, case.group_id) == (bot, group) for case in cases)
            where = (bot, group, row.topic_id, row.message_id)
            found.append(Crowd(*where, row.shown, waiting, row.sent_at, row.version, 0))
        return found

    async def stands(self, crowd: Crowd, message: MessageId | None, *, shown: int) -> None:
        await self._store.hook("stands")
        row, now = self._held(crowd), self._store.clock.now()
        if row is None:
            return
        if message != row.message_id or row.sent_at is None:
            row.sent_at = now
        age = min(max(now - row.sent_at, timedelta(seconds=3)), timedelta(seconds=30))
        quiet = now if message is None else now + age
        row.message_id, row.shown, row.quiet_until = message, shown, quiet
        if row.version != crowd.version:
            row.due_at = quiet
        else:
            again = now + timedelta(seconds=10) if crowd.waiting else None
            row.due_at = again if message is None else row.sent_at + PROMPT_LIFE
        row.lease_owner = row.lease_until = None

    async def later(self, crowd: Crowd, *, seconds: float) -> None:
        await self._store.hook("later")
        row = self._held(crowd)
        if row is not None:
            row.due_at = self._store.clock.now() + timedelta(seconds=seconds)
            row.lease_owner = row.lease_until = None

    def _held(self, crowd: Crowd) -> SharedPrompt | None:
        row = self._store.shared[crowd.bot_id, crowd.group_id]
        return row if row.lease_owner == self._instance else None
