"""What keeping backups needs of the outside."""

from typing import Protocol

from bot.domain.backup import Backup, Why


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
