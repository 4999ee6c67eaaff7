"""What upkeep asks of the outside world: due work, dead letters, cases to review, backups, heartbeats."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.backup import Backup, Why
from bot.domain.ids import BotId, CaseId, GroupId, InstanceId, MessageId
from bot.domain.intent import DeadCount, DeadUpdate, Deletion, EphemeralDeletion, Unban
from bot.domain.operator import By


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


class BackupRoom(Protocol):
    """Where backups lie. Raises BackupError."""

    async def entries(self) -> Sequence[tuple[Backup, str | None]]:
        """Return all that were finished, the oldest first, with what is wrong with each."""
        ...

    async def create(self, why: Why, *, by: By, progress: Callable[[int, int], None]) -> Backup: ...
    async def check(self, name: str) -> tuple[int, int]:
        """Check every byte; return how many, and how many files of the log."""
        ...


class Backups(Protocol):
    """Makes backups and knows those there are."""

    async def create(self, why: Why) -> Backup:
        """Make one, and let go what is not to be kept. Raises BackupError, StoreUnavailableError."""
        ...

    async def newest(self) -> Backup | None:
        """Return the newest one that is sound."""
        ...

    async def keep_log(self) -> None:
        """Put away what the server writes, until cancelled. Raises BackupError, StoreUnavailableError."""
        ...

    def take_gap(self) -> bool:
        """Say, once, whether the log has a gap that only a new backup closes."""
        ...


class Instances(Protocol):
    """The heartbeat by which other instances know that this one lives."""

    @property
    def instance_id(self) -> InstanceId: ...
    async def beat(self) -> None: ...
    async def leave(self) -> None: ...


class Broom(Protocol):
    """Deletions with a due time. Raises StoreUnavailableError."""

    async def delete_later(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId], *, seconds: float) -> None:
        """Have messages deleted in so many seconds."""
        ...

    async def keep_for(self, bot: BotId, chat: GroupId, message: MessageId, *, seconds: float) -> None:
        """Put a deletion that waits off; nothing for a message that stays."""
        ...

    async def lasting(self, bot: BotId, chat: GroupId) -> MessageId | None:
        """Return the last message of a chat that is to be deleted in some hours only."""
        ...
