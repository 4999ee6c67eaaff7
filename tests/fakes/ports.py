"""Stand-ins for the world outside the services: time, Telegram, the shared cache, what is counted.

Each behaves as the real thing does towards its callers; the contract suites run on both. `Hook` lets a test act
between any two steps.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.errors import TelegramError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ChatInfo, SetUp
from bot.domain.ids import BotId, ChannelId, EphemeralId, GroupId, MessageId, UpdateId, UserId
from bot.domain.knock import Ruling
from bot.domain.membership import Membership, Stamp
from bot.domain.message import Outgoing, Posted
from bot.domain.operator import By
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role
from bot.domain.stats import Day
from tests.kits.strategies import START

Hook = Callable[[str], Awaitable[None]]


async def no_hook(_: str) -> None:
    await asyncio.sleep(0)


class FakeClock:
    """Time that passes when somebody sleeps, or when a test says so."""

    def __init__(self) -> None:
        self.elapsed = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds


class FakeJournal:
    """Keeps what was counted."""

    def __init__(self) -> None:
        self.lookups: Counter[tuple[str, str]] = Counter()
        self.verifications: Counter[tuple[str, str]] = Counter()
        self.durations: list[float] = []
        self.closed: list[str] = []
        self.effects: list[tuple[str, str]] = []
        self.differences: list[str] = []

    def looked_up(self, layer: str, *, hits: int, misses: int) -> None:
        self.lookups[layer, "hit"] += hits
        self.lookups[layer, "miss"] += misses

    def verified(self, outcome: str, source: str, seconds: float) -> None:
        self.verifications[outcome, source] += 1
        self.durations.append(seconds)

    def case_closed(self, outcome: str) -> None:
        self.closed.append(outcome)

    def effect(self, kind: str, result: str) -> None:
        self.effects.append((kind, result))

    def reconciled(self, difference: str) -> None:
        self.differences.append(difference)


class FakeTelegram:
    """Chats, their members and messages. Every call is kept, and can be made to fail."""

    def __init__(self) -> None:
        self.hook: Hook = no_hook
        self.calls: list[tuple[object, ...]] = []
        self.faults: dict[str, list[TelegramError]] = {}
        self.in_channel: dict[ChannelId, set[UserId]] = {}
        self.silent: set[ChannelId] = set()
        self.states: dict[tuple[int, UserId], MemberState] = {}
        self.chats: dict[str | int, ChatInfo] = {}
        self.links: dict[ChannelId, str] = {}
        self.revoked: set[str] = set()
        self.sent: dict[MessageId, tuple[int, Outgoing]] = {}
        self.lifts: list[tuple[UserId, MemberState, MemberState]] = []
        self.deleted: set[MessageId] = set()
        self.edited: dict[MessageId, Outgoing] = {}
        self.whispered: dict[EphemeralId, tuple[UserId, Outgoing]] = {}
        self.forgotten: set[EphemeralId] = set()
        self.whispers = True
        self.toasts: list[str] = []
        self.hooks_set: dict[BotId, dict[str, object]] = {}

    def fail(self, method: str, *errors: TelegramError) -> None:
        self.faults.setdefault(method, []).extend(errors)

    def called(self, method: str) -> list[tuple[object, ...]]:
        return [call[1:] for call in self.calls if call[0] == method]

    def standing(self) -> list[Outgoing]:
        return [message for _, message in self.standing_by_number()]

    def standing_by_number(self) -> list[tuple[MessageId, Outgoing]]:
        return [(number, message) for number, (_, message) in self.sent.items() if number not in self.deleted]

    def state(self, chat: int, user: UserId) -> MemberState:
        return self.states.get((chat, user), MemberState(Role.MEMBER))

    async def membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        try:
            return await self.ask_membership(bot, channel, user)
        except TelegramUnavailableError:
            return Membership.UNKNOWN

    async def ask_membership(self, _: BotId, channel: ChannelId, user: UserId) -> Membership:
        await self._call("membership", channel, user)
        answer = Membership.MEMBER if user in self.in_channel.get(channel, set()) else Membership.ABSENT
        if channel in self.silent:
            answer = Membership.UNKNOWN
        await self.hook("after membership")
        return answer

    async def member_state(self, _: BotId, chat: GroupId, user: UserId, *, urgent: bool = False) -> MemberState:
        del urgent
        await self._call("member_state", chat, user)
        return self.state(chat, user)

    async def administrators(self, _: BotId, group: GroupId) -> frozenset[UserId]:
        await self._call("administrators", group)
        return frozenset(user for (chat, user), state in self.states.items() if chat == group and state.is_admin)

    async def mute(self, _: BotId, group: GroupId, user: UserId, *, until: datetime) -> None:
        await self._call("mute", group, user, until)
        self._restrict(group, user, Prior(frozenset(), until))
        await self.hook("after mute")

    async def put_back(self, _: BotId, group: GroupId, user: UserId, prior: Prior | None) -> None:
        await self._call("put_back", group, user, prior)
        before = self.state(group, user)
        self._restrict(group, user, prior)
        self.lifts.append((user, before, self.state(group, user)))
        await self.hook("after put_back")

    async def delete_messages(self, _: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None:
        await self._call("delete_messages", chat, tuple(messages))
        self.deleted.update(messages)
        await self.hook("after delete_messages")

    async def send(self, _: BotId, chat: int, message: Outgoing) -> MessageId:
        await self._call("send", chat, message)
        number = MessageId(5000 + len(self.sent))
        self.sent[number] = (chat, message)
        await self.hook("after send")
        return number

    async def edit(self, _: BotId, chat: int, message_id: MessageId, message: Outgoing) -> None:
        await self._call("edit", chat, message_id)
        self.edited[message_id] = message

    def offers_ephemeral(self, _: BotId, __: GroupId) -> bool:
        return self.whispers

    async def send_ephemeral(self, _: BotId, group: GroupId, user: UserId, message: Outgoing) -> Posted:
        await self._call("send_ephemeral", group, user)
        number = EphemeralId(1 + len(self.whispered))
        self.whispered[number] = (user, message)
        await self.hook("after send_ephemeral")
        return Posted(ephemeral_id=number)

    async def edit_ephemeral(
        self, _: BotId, group: GroupId, user: UserId, message_id: EphemeralId, message: Outgoing
    ) -> None:
        await self._call("edit_ephemeral", group, user, message_id)
        self.whispered[message_id] = (user, message)

    async def delete_ephemeral(self, _: BotId, group: GroupId, user: UserId, message_id: EphemeralId) -> None:
        await self._call("delete_ephemeral", group, user, message_id)
        self.forgotten.add(message_id)

    async def answer(self, _: BotId, press: str, text: str, *, alert: bool = False) -> None:
        await self._call("answer", press, alert)
        self.toasts.append(text)

    async def chat(self, _: BotId, reference: str | int) -> ChatInfo:
        await self._call("chat", reference)
        if reference not in self.chats:
            raise TelegramRefusedError(method="getChat", description="Bad Request: chat not found")
        return self.chats[reference]

    async def invite_link(self, _: BotId, channel: ChannelId, name: str) -> str | None:
        await self._call("invite_link", channel, name)
        return self.links.get(channel)

    async def link_works(self, _: BotId, channel: ChannelId, link: str, name: str) -> bool:
        await self._call("link_works", channel, name)
        return link not in self.revoked

    async def webhook(self, bot: BotId) -> Mapping[str, object]:
        await self._call("webhook", bot)
        return self.hooks_set.get(bot, {"url": ""})

    async def set_webhook(self, bot: BotId, url: str, *, secret: str, allowed: Sequence[str], connections: int) -> None:
        await self._call("set_webhook", bot, url, secret, tuple(allowed), connections)
        self.hooks_set[bot] = {"url": url, "allowed_updates": list(allowed)}

    async def delete_webhook(self, bot: BotId) -> None:
        await self._call("delete_webhook", bot)
        self.hooks_set.pop(bot, None)

    async def ban(self, _: BotId, group: GroupId, user: UserId, *, until: datetime) -> None:
        await self._call("ban", group, user, until)
        if self.state(group, user).is_admin:
            raise TelegramRefusedError(method="banChatMember", description="user is an administrator of the chat")
        self.states[group, user] = MemberState(Role.BANNED, until=until, is_member=False)
        await self.hook("after ban")

    async def approve(self, _: BotId, group: GroupId, user: UserId) -> None:
        await self._call("approve", group, user)

    async def rule(self, _: BotId, query: str, ruling: Ruling) -> None:
        await self._call("rule", query, ruling)

    async def decline(self, _: BotId, group: GroupId, user: UserId) -> None:
        await self._call("decline", group, user)

    async def unban(self, _: BotId, group: GroupId, user: UserId) -> None:
        await self._call("unban", group, user)
        if self.state(group, user).role is Role.BANNED:
            self.states[group, user] = MemberState(Role.LEFT, is_member=False)

    def _restrict(self, group: int, user: UserId, prior: Prior | None) -> None:
        """Full permissions make a plain member again, as in Telegram; who is away stays away."""
        before = self.state(group, user)
        if before.is_admin:
            raise TelegramRefusedError(method="restrictChatMember", description="user is an administrator of the chat")
        if prior is None or prior.permissions == ALL_PERMISSIONS:
            role = Role.MEMBER if before.is_member else Role.LEFT
            self.states[group, user] = MemberState(role, is_member=before.is_member)
        else:
            self.states[group, user] = MemberState(
                Role.RESTRICTED, prior.permissions, prior.until, is_member=before.is_member
            )

    async def _call(self, method: str, *values: object) -> None:
        await self.hook(method)
        self.calls.append((method, *values))
        waiting = self.faults.get(method)
        if waiting:
            raise waiting.pop(0)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the shared store keeps about one membership."""

    generation: int = 0
    settled: int = 0
    answer: Membership | None = None
    fresh_until: float = 0.0
    stamp: Stamp = field(default_factory=lambda: Stamp(-1, UpdateId(-1)))


@dataclass(slots=True)
class SharedMemory:
    """What Redis is to the real thing: shared by all instances, with its listeners."""

    entries: dict[tuple[BotId, ChannelId, UserId], _Entry] = field(default_factory=dict)
    counter: int = 0
    instances: list["FakeCache"] = field(default_factory=list)


class FakeCache:
    """One instance's view of memberships."""

    def __init__(self, clock: FakeClock, shared: SharedMemory | None = None) -> None:
        self.clock = clock
        self.shared = shared or SharedMemory()
        self.shared.instances.append(self)
        self.local: dict[tuple[BotId, ChannelId, UserId], tuple[Membership, float]] = {}
        self.due: dict[tuple[BotId, ChannelId, UserId], None] = {}
        self.hook: Hook = no_hook

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        answer, until = self.local.get((bot, channel, user), (None, 0.0))
        if self.is_due(bot, user, channel):
            self.due[bot, channel, user] = None
        return answer if until > self.clock.elapsed else None

    def is_due(self, bot: BotId, user: UserId, channel: ChannelId) -> bool:
        answer, until = self.local.get((bot, channel, user), (None, 0.0))
        return answer is Membership.MEMBER and 0 < until - self.clock.elapsed < 120

    def take_due(self, limit: int) -> Sequence[tuple[BotId, ChannelId, UserId]]:
        due = list(self.due)[:limit]
        for key in due:
            del self.due[key]
        return due

    async def read(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        await self.hook("read")
        found: dict[ChannelId, Membership] = {}
        for channel in channels:
            entry = self.shared.entries.get((bot, channel, user), _Entry())
            if entry.answer is not None and entry.fresh_until > self.clock.elapsed:
                found[channel] = entry.answer
                self.local[bot, channel, user] = (entry.answer, entry.fresh_until)
        return found

    async def begin(self, bot: BotId, user: UserId, channel: ChannelId) -> int:
        await self.hook("begin")
        self.shared.counter += 1
        entry = self.shared.entries.get((bot, channel, user), _Entry())
        self.shared.entries[bot, channel, user] = replace(entry, generation=self.shared.counter)
        return self.shared.counter

    async def store(
        self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, generation: int
    ) -> Membership | None:
        await self.hook("store")
        assert answer is not Membership.UNKNOWN
        key = (bot, channel, user)
        entry = self.shared.entries.get(key, _Entry())
        if not entry.settled < generation <= entry.generation:
            held = entry.answer if entry.fresh_until > self.clock.elapsed else None
            if held is not None:
                self.local[key] = (held, entry.fresh_until)
            return held
        until = self._until(answer)
        self.shared.entries[key] = replace(entry, settled=generation, answer=answer, fresh_until=until)
        self.local[key] = (answer, until)
        return answer

    async def record(self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, stamp: Stamp) -> bool:
        await self.hook("record")
        key = (bot, channel, user)
        entry = self.shared.entries.get(key, _Entry())
        if (entry.stamp.date, entry.stamp.update_id) > (stamp.date, stamp.update_id):
            return False
        self.shared.counter += 1
        until = self._until(answer)
        number = self.shared.counter
        self.shared.entries[key] = _Entry(number, number, answer, until, stamp)
        for instance in self.shared.instances:
            instance.local[key] = (answer, until)
        return True

    def _until(self, answer: Membership) -> float:
        return self.clock.elapsed + (600 if answer is Membership.MEMBER else 60)


class FakeSpawner:
    """Starts tasks and keeps them until a test asks for their end."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[object]] = set()

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> None:
        self.start(work, name=name)

    def start(self, work: Coroutine[object, object, None], *, name: str) -> Callable[[], None]:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

        def stop() -> None:
            task.cancel()

        return stop

    async def finished(self) -> None:
        while self.tasks:
            await asyncio.gather(*self.tasks, return_exceptions=True)


class FakeBroom:
    """Notes what is to go, in how many seconds."""

    def __init__(self, hook: Hook = no_hook) -> None:
        self.hook = hook
        self.later: dict[MessageId, float] = {}

    async def delete_later(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId], *, seconds: float) -> None:
        del bot, chat
        await self.hook("delete_later")
        self.later |= dict.fromkeys(messages, seconds)

    async def keep_for(self, bot: BotId, chat: GroupId, message: MessageId, *, seconds: float) -> None:
        del bot, chat
        await self.hook("keep_for")
        if message in self.later:
            self.later[message] = max(self.later[message], seconds)

    async def lasting(self, bot: BotId, chat: GroupId) -> MessageId | None:
        del bot, chat
        await self.hook("lasting")
        return max((message for message, seconds in self.later.items() if seconds > 7_200), default=None)


class FakeFigures:
    """A group in which nothing has happened yet."""

    async def days(self, bot: BotId, group: GroupId, former: Sequence[GroupId], count: int) -> Sequence[Day]:
        del bot, group, former
        first = START.date() - timedelta(days=count - 1)
        return [Day(first + timedelta(days=number), 0, 0, 0, 0, 0, 0) for number in range(count)]


class FakeSetUps:
    """Groups that are being set up."""

    def __init__(self) -> None:
        self.rows: list[SetUp] = []

    async def open(self, bot: BotId, user: UserId, group: ChatInfo, before: tuple[ChannelId, ...]) -> SetUp:
        """Add a row."""
        begun = SetUp(
            len(self.rows) + 1,
            bot,
            user,
            GroupId(group.chat_id),
            group.title,
            group.username,
            group.kind == "group",
            before,
        )
        self.rows.append(begun)
        return begun

    async def get(self, bot: BotId, user: UserId, number: int) -> SetUp | None:
        """Find a row of this user."""
        return next((row for row in self._of(bot, user) if row.set_up_id == number), None)

    async def latest(self, bot: BotId, user: UserId) -> SetUp | None:
        """Return the user's last row."""
        return next(reversed(self._of(bot, user)), None)

    async def pick(self, number: int, channel: ChannelId) -> bool:
        """Note a channel once."""
        row = self.rows[number - 1]
        self.rows[number - 1] = replace(row, picked=channel)
        return row.picked != channel

    def _of(self, bot: BotId, user: UserId) -> list[SetUp]:
        return [row for row in self.rows if (row.bot_id, row.user_id) == (bot, user)]


class NobodysRows:
    """Knows nobody."""

    async def export(self, user: UserId) -> Mapping[str, Sequence[Mapping[str, object]]]:
        del user
        return {}

    async def forget(self, bot: BotId, user: UserId) -> None:
        """There is nothing to erase."""

    async def free(self, user: UserId) -> None:
        """Nobody is muted."""

    async def unfreed(self, user: UserId) -> int:
        del user
        return 0

    async def erase(self, user: UserId, *, by: By, abandon: bool) -> bool:
        del user, by, abandon
        return True


class NobodysKeys:
    """Holds nobody's keys."""

    async def erase(self, user: UserId, bot: BotId | None = None) -> None:
        """There is nothing to erase."""


async def for_a_while(work: Coroutine[object, object, None], turns: int = 40) -> None:
    """Let endless work run for a few turns of the loop."""
    task = asyncio.get_running_loop().create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
