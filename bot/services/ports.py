"""What the services ask of the outside world. bot.core fits these by shape; bot/app is where mypy proves it."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from bot.domain.group import ChatInfo, GroupSetup, ProtectedGroup
from bot.domain.ids import (
    BotId,
    CaseId,
    ChannelId,
    EphemeralId,
    GroupId,
    InstanceId,
    MessageId,
    UpdateId,
    UserId,
)
from bot.domain.intent import DeadCount, DeadUpdate, Deletion, EphemeralDeletion, Intent, Receipt, Unban
from bot.domain.membership import Membership, Stamp
from bot.domain.message import Outgoing
from bot.domain.operator import By
from bot.domain.permissions import MemberState, Prior
from bot.domain.policy import Presence
from bot.domain.restriction import Case, Done, Wanted
from bot.services.prompt_ports import PromptLedger


class Clock(Protocol):
    """Time, as a dependency."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Spawner(Protocol):
    """Owns background tasks: they end, at the latest, when the application closes."""

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> None: ...


class TelegramMembers(Protocol):
    """The one question that decides everything."""

    async def membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        """Ask Telegram, never a cache. UNKNOWN for anything but a plain answer; raises nothing of Telegram's."""
        ...


class TelegramStates(Protocol):
    """What a user is in a chat. Raises TelegramUnavailableError or TelegramRefusedError."""

    async def member_state(self, bot: BotId, chat: GroupId, user: UserId, *, urgent: bool = False) -> MemberState:
        """Return a user's state; `urgent` goes before all other work, as what frees somebody does."""
        ...


class TelegramModeration(TelegramStates, Protocol):
    """What is done to a member. Every method raises TelegramUnavailableError or TelegramRefusedError."""

    async def mute(self, bot: BotId, group: GroupId, user: UserId, *, until: datetime) -> None: ...
    async def put_back(self, bot: BotId, group: GroupId, user: UserId, prior: Prior | None) -> None: ...
    async def ban(self, bot: BotId, group: GroupId, user: UserId, *, until: datetime) -> None: ...
    async def unban(self, bot: BotId, group: GroupId, user: UserId) -> None: ...
    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None: ...


class TelegramMessages(Protocol):
    """What the bot says in a chat. Raises as TelegramModeration does."""

    async def send(self, bot: BotId, chat: int, message: Outgoing) -> MessageId: ...
    async def edit(self, bot: BotId, chat: int, message_id: MessageId, message: Outgoing) -> None: ...
    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None: ...


class TelegramChats(Protocol):
    """What set-up asks about chats. Raises as TelegramModeration does."""

    async def chat(self, bot: BotId, reference: str | int) -> ChatInfo: ...
    async def invite_link(self, bot: BotId, channel: ChannelId, name: str) -> str | None: ...
    async def member_state(self, bot: BotId, chat: GroupId, user: UserId) -> MemberState: ...
    async def administrators(self, bot: BotId, group: GroupId) -> frozenset[UserId]: ...
    async def send(self, bot: BotId, chat: int, message: Outgoing) -> MessageId: ...


class MembershipCache(Protocol):
    """Membership answers, in process and shared. Holds MEMBER and ABSENT, never UNKNOWN."""

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        """Look in this process only."""
        ...

    def is_due(self, bot: BotId, user: UserId, channel: ChannelId) -> bool:
        """Whether a membership is known in this process and near its end."""
        ...

    def take_due(self, limit: int) -> Sequence[tuple[BotId, ChannelId, UserId]]:
        """Hand out memberships that were recalled near their end, each once."""
        ...

    async def read(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        """Look in the shared store, in one round trip; what is not there is not in the answer either."""
        ...

    async def begin(self, bot: BotId, user: UserId, channel: ChannelId) -> int:
        """Start a question. Its answer is stored unless an event or a later question is answered first."""
        ...

    async def store(
        self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, generation: int
    ) -> Membership | None:
        """Store an answer unless something newer happened; return what holds now, None when nothing does."""
        ...

    async def record(self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, stamp: Stamp) -> bool:
        """Store what an event says, on every instance; False when a newer event was there first."""
        ...


class Inbox(Protocol):
    """Which updates are done. All methods raise StoreUnavailableError."""

    async def claim(self, bot: BotId, update: UpdateId) -> Receipt | bool:
        """Claim an update. True: it is done already. False: another instance is at it."""
        ...

    async def settle(self, receipt: Receipt, intents: Sequence[Intent]) -> tuple[CaseId, ...]:
        """Commit intents and the done mark in one transaction; return the cases to look at.

        Raises ClaimLostError when the update is no longer ours; then nothing was committed.
        """
        ...

    async def release(self, receipt: Receipt, *, blameless: bool) -> None:
        """Give an update back for the next attempt; a blameless one does not count."""
        ...

    async def bury(self, receipt: Receipt, body: bytes, error: str) -> None:
        """Move an update that keeps failing to the dead letters and mark it done."""
        ...


class CaseReader(Protocol):
    """Which cases are open. All methods raise StoreUnavailableError."""

    async def of_user(self, bot: BotId, user: UserId, channel: ChannelId) -> Sequence[tuple[CaseId, GroupId]]:
        """Return the user's open cases in groups that require the channel."""
        ...

    async def open_case(self, bot: BotId, group: GroupId, user: UserId) -> CaseId | None: ...
    async def prompt_stands(self, bot: BotId, group: GroupId, message: MessageId) -> bool:
        """Whether the message is the prompt of an open case, or may be one that is just being sent."""
        ...

    async def ephemeral_stands(self, bot: BotId, group: GroupId, user: UserId, message: EphemeralId) -> bool:
        """Tell the same of a prompt that only the user sees."""
        ...

    async def count_open(self, bot: BotId, group: GroupId) -> int: ...


class CaseLedger(CaseReader, PromptLedger, Protocol):
    """The restrictions. Only the lease holder writes what was done; all methods raise StoreUnavailableError."""

    async def lease(self, case_id: CaseId) -> Case | None:
        """Take the case for 3 s by the database's clock; None when another instance holds it or it is closed."""
        ...

    async def renew(self, case_id: CaseId) -> bool: ...

    async def give_back(self, case_id: CaseId) -> None:
        """End the lease in the middle of the work; another instance goes on at once."""
        ...

    async def due(self, limit: int) -> Sequence[CaseId]:
        """Return open cases that wait for somebody and that nobody holds."""
        ...

    async def want(self, case: Case, wanted: Wanted) -> Case | None:
        """Change what is wanted, unless somebody else has; return the case as it is now, None without the lease."""
        ...

    async def did(self, case: Case, done: Done, *, missing: Sequence[ChannelId] = ()) -> Case | None:
        """Record a fact, and the channels that were missing.

        Not conditional on the version: what happened in Telegram has happened.
        """
        ...

    async def lifted(self, case: Case) -> Case | None:
        """Record that no mute of ours is in force; if the case changed meanwhile, one may be."""
        ...

    async def muting(self, case: Case, *, prior: Prior | None, until: datetime) -> Case | None:
        """Record, before the call, that the mute may be in force from now on; unless the case changed meanwhile.

        Raises NotReadyError when no mute may be imposed with this end yet.
        """
        ...

    async def deleted(self, case: Case, messages: Sequence[MessageId]) -> Case | None: ...

    async def kicking(self, case: Case) -> datetime | None:
        """Schedule, before the call, the end of the ban that is about to be imposed; None when the case changed."""
        ...

    async def rest(self, case: Case, *, wake_at: datetime | None) -> bool:
        """Put the case down until it changes or `wake_at`; False when it changed meanwhile."""
        ...

    async def close(self, case: Case, *, outcome: str) -> bool:
        """End the case unless it changed meanwhile."""
        ...

    async def postpone(self, case: Case, *, seconds: float) -> None:
        """Give the case back after a failure, for another try later."""
        ...


class GroupStore(Protocol):
    """The configuration of groups. Every change is one transaction; all methods raise StoreUnavailableError."""

    async def changed_since(self, seq: int) -> tuple[int, Sequence[ProtectedGroup]]:
        """Return the configuration counter and the groups changed after `seq`."""
        ...

    async def protect(self, setup: GroupSetup) -> tuple[CaseId, ...]:
        """Turn the gate on; return open cases that the new list of channels makes worth another look.

        Raises GateTakenError when another bot of this deployment guards the group.
        """
        ...

    async def unprotect(self, bot: BotId, group: GroupId, by: UserId) -> tuple[CaseId, ...] | None:
        """Turn the gate off and want everybody free; None when it was not on."""
        ...

    async def pause(
        self, bot: BotId, group: GroupId, reason: str, *, was: str | None, free: bool, by: By | None = None
    ) -> tuple[CaseId, ...] | None:
        """Stop gating for a reason; None when the group is not paused, or paused, as it `was` any more.

        Without `by` it is the bot itself that pauses.
        """
        ...

    async def resume(self, bot: BotId, group: GroupId, *, was: str, by: By | None = None) -> tuple[CaseId, ...] | None:
        """Gate again; None when the group is not paused as it `was` any more."""
        ...

    async def hurry(self, bot: BotId, group: GroupId) -> tuple[CaseId, ...]:
        """Have everybody who is to be freed in the group freed now; return their cases."""
        ...

    async def move(self, bot: BotId, old: GroupId, new: GroupId) -> tuple[CaseId, ...]: ...


class ActivityStore(Protocol):
    """Who has been seen where, and how many messages needed no question. All methods raise StoreUnavailableError."""

    async def presence(self, bot: BotId, group: GroupId, user: UserId) -> Presence: ...
    async def seen(self, sightings: Sequence[tuple[BotId, GroupId, UserId, datetime]]) -> None: ...
    async def unasked(self, counts: Sequence[tuple[BotId, GroupId, int]]) -> None: ...


class Instances(Protocol):
    """The heartbeat by which other instances know that this one lives."""

    @property
    def instance_id(self) -> InstanceId: ...
    async def beat(self) -> None: ...
    async def leave(self) -> None: ...


class Texts(Protocol):
    """Every sentence the bot says."""

    @property
    def languages(self) -> tuple[str, ...]: ...

    def say(self, key: str, language: str, **values: str | int) -> str:
        """Return the sentence as HTML: what is put in is escaped."""
        ...

    def toast(self, key: str, language: str, **values: str | int) -> str:
        """Return the sentence as plain text of at most 200 characters, for the answer to a button."""
        ...

    def supported(self, language: str | None) -> str:
        """Return the nearest language the bot speaks."""
        ...


class Journal(Protocol):
    """Counts outcomes and keeps the last ones for the people who ask why."""

    def verified(self, outcome: str, source: str) -> None: ...
    def case_closed(self, outcome: str) -> None: ...
    def effect(self, kind: str, result: str) -> None: ...
    def reconciled(self, difference: str) -> None: ...


Waker = Callable[[Sequence[CaseId]], None]
"""Tells the worker of this process that these cases changed."""


class FirstWaker(Protocol):
    """A waker that knows whom to take first."""

    def __call__(self, cases: Sequence[CaseId], *, first: bool = False) -> None: ...


Poke = Callable[[], Awaitable[None]]
"""Tells all instances that the configuration changed."""


class Presses(Protocol):
    """Answers to inline buttons. Raises as TelegramModeration does."""

    async def answer(self, bot: BotId, press: str, text: str, *, alert: bool = False) -> None: ...
    async def edit(self, bot: BotId, chat: int, message_id: MessageId, message: Outgoing) -> None: ...
    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None: ...


class ActionStore(Protocol):
    """Actions that are due. All methods raise StoreUnavailableError."""

    async def take(self, limit: int) -> Sequence[Deletion | EphemeralDeletion | Unban]:
        """Lease due actions for 10 s."""
        ...

    async def done(self, actions: Sequence[int]) -> None: ...
    async def failed(self, actions: Sequence[int], error: str) -> None:
        """Try again later, after a pause that doubles; after ten times leave it to a person."""
        ...

    async def wait(self, actions: Sequence[int], *, seconds: float) -> None:
        """Put actions back that were not tried."""
        ...


class Letters(Protocol):
    """Updates that were given up. All methods raise StoreUnavailableError."""

    async def waiting(self, bots: Sequence[BotId], limit: int) -> Sequence[DeadUpdate]:
        """Return updates of these bots that are to be handled once more."""
        ...

    async def replayed(self, letter: DeadUpdate) -> None:
        """Strike a letter off, unless its update was buried again."""
        ...

    async def count(self) -> DeadCount: ...


class Reviews(Protocol):
    """Cases that rest, to be compared with Telegram. All methods raise StoreUnavailableError."""

    async def now(self) -> datetime:
        """Tell the time by the clock that `put_under_review` goes by."""
        ...

    async def under_review(self) -> int:
        """Count the cases that are being compared."""
        ...

    async def put_under_review(self, *, before: datetime, limit: int) -> Sequence[CaseId]:
        """Have cases compared that were neither done nor reviewed since `before`, the oldest first."""
        ...


class Webhooks(Protocol):
    """Telegram's side of a webhook. Raises as TelegramModeration does."""

    async def webhook(self, bot: BotId) -> Mapping[str, object]: ...
    async def set_webhook(
        self, bot: BotId, url: str, *, secret: str, allowed: Sequence[str], connections: int
    ) -> None: ...
    async def delete_webhook(self, bot: BotId) -> None: ...


class Leader(Protocol):
    """Elects one instance for a task."""

    def held(self, purpose: int, subject: int) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        """Wait for the turn; yields a check that raises StoreUnavailableError once the turn is over."""
        ...


class UpdateSource(Protocol):
    """Telegram's queue of updates, for polling. Raises as TelegramModeration does, and PollingConflictError."""

    async def updates(self, bot: BotId, *, offset: int, seconds: int, allowed: Sequence[str]) -> list[bytes]: ...
