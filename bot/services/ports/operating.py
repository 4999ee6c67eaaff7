"""What operators' use cases ask of the outside world."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from bot.domain.event import Event, EventCount, EventKey
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, UserId
from bot.domain.listing import (
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
)
from bot.domain.message import Outgoing
from bot.domain.operator import By
from bot.domain.permissions import MemberState
from bot.domain.policy import Policy
from bot.domain.warming import WarmupStats

Bots = Sequence[BotId] | None
"""The bots that are looked at; None: all."""


class Lists(Protocol):
    """What can be listed. Raises StoreUnavailableError, and InvalidInputError for a cursor it did not give."""

    async def groups(self, query: GroupQuery, bots: Bots) -> Page[GroupRow]: ...
    async def group(self, bot: BotId, group: GroupId) -> GroupRow | None: ...
    async def channels(self, search: str, bots: Bots, *, cursor: str | None, limit: int) -> Page[ChannelRow]: ...
    async def events(
        self, bots: Bots, kinds: Sequence[str] | None, *, before: EventKey | None, limit: int
    ) -> Sequence[Event]: ...
    async def cases(
        self, bots: Bots, *, group: GroupId | None, user: UserId | None, cursor: str | None, limit: int
    ) -> Page[CaseRow]: ...
    async def cases_of_user(
        self, bot: BotId, user: UserId, *, group: GroupId | None, cursor: str | None, limit: int
    ) -> Page[CaseRow]: ...
    async def audit(self, bots: Bots, *, chat: int | None, cursor: str | None, limit: int) -> Page[AuditRow]: ...
    async def letters(self, bots: Bots, *, cursor: str | None, limit: int) -> Page[LetterRow]: ...
    async def instances(self) -> Sequence[InstanceRow]: ...
    async def jobs(self, bots: Bots) -> Sequence[JobRow]: ...
    async def totals(self, bots: Bots) -> Totals: ...
    async def series(self, bots: Bots, *, minutes: int, hours: int) -> Sequence[Tick]: ...


class History(Protocol):
    """What was decided, of one group or one user. Raises StoreUnavailableError."""

    async def of_group(
        self, bot: BotId, group: GroupId, kinds: Sequence[str] | None, *, before: EventKey | None, limit: int
    ) -> Sequence[Event]: ...
    async def of_user(
        self,
        bot: BotId,
        user: UserId,
        kinds: Sequence[str] | None,
        *,
        group: GroupId | None,
        before: EventKey | None,
        limit: int,
    ) -> Sequence[Event]: ...
    async def counts(self, bot: BotId, group: GroupId, *, days: int) -> Sequence[EventCount]: ...


class Notes(Protocol):
    """The audit log, for what changes no row of its own. Raises StoreUnavailableError."""

    async def note(self, by: By, bot: BotId, action: str, chat: int | None, detail: Mapping[str, object]) -> None: ...


class KnownGroups(Protocol):
    """The groups, in memory."""

    def group(self, bot: BotId, group: GroupId) -> ProtectedGroup | None: ...
    def guarded_by(self, bot: BotId, channel: ChannelId) -> Sequence[ProtectedGroup]: ...


class Gates(Protocol):
    """Pauses, resumes, and says how strict a gate is. Raises StoreUnavailableError."""

    async def pause(self, group: ProtectedGroup, by: By) -> bool:
        """Stop checking anybody and free everybody; False when it was so already."""
        ...

    async def resume(self, group: ProtectedGroup, by: By) -> None: ...

    async def choose(self, group: ProtectedGroup, policy: Policy, by: By) -> ProtectedGroup:
        """Choose what differs from the policy that the group was seen with; return the group as it is then."""
        ...


class Rights(Protocol):
    """Compares the bot's rights in a chat with what it needs. Raises TelegramError and StoreUnavailableError."""

    async def changed(self, bot: BotId, chat: int) -> None: ...


class Chats(Protocol):
    """What is asked and said in a chat. Raises TelegramUnavailableError or TelegramRefusedError."""

    async def member_state(self, bot: BotId, chat: GroupId, user: UserId) -> MemberState: ...
    async def send(self, bot: BotId, chat: int, message: Outgoing) -> MessageId: ...


class WarmsGroups(Protocol):
    """Verifies a group's members in advance."""

    async def group(
        self, group_id: GroupId, users: Sequence[UserId] | None = None, *, watch: Callable[[WarmupStats, int], None]
    ) -> WarmupStats: ...


LetterOwner = Callable[[str], Awaitable[BotId | None]]
"""Tells whose a letter is; None: there is none. Raises ValueError for no name."""

Replay = Callable[[str], Awaitable[bool]]
"""Has what was given up tried again, or drops it; False when there is no such thing. Raises ValueError for no name."""
