"""The directory the servers live in: its layout, its lock, its secrets."""

import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bot.core.embedded.account import Account
from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.files import write_private
from bot.core.embedded.locking import FileLock, Users
from bot.core.waiting import Clock, until

OTHER_HOME = "choose another GMBOT_HOME, or "

# Longer than the slowest start, which replays a long log after a crash.
_LOCK_TIMEOUT_SECONDS = 180.0


def default_home(environ: Mapping[str, str]) -> Path:
    """Return where GMBot keeps its data when GMBOT_HOME is not set."""
    if os.geteuid() == 0:
        return Path("/var/lib/gmbot")
    if data := environ.get("XDG_DATA_HOME"):
        return Path(data) / "gmbot"
    return Path.home() / ".local" / "share" / "gmbot"


def ensure_home(home: Path) -> None:
    """Create the home and its missing parents; directories that exist stay as they are.

    What root creates others may pass through but not list: the servers run as an unprivileged user.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for directory in reversed((home, *home.parents)):
        if not directory.exists():
            directory.mkdir(exist_ok=True)
            directory.chmod(mode)


class ServersHome:
    """`<home>/servers`, shared by every process that uses this home."""

    def __init__(self, *, home: Path, clock: Clock) -> None:
        self._root = home.resolve() / "servers"
        self._clock = clock
        self.users = Users(self._root / "users")

    @property
    def root(self) -> Path:
        """Return the directory of everything below."""
        return self._root

    def prepare(self) -> Account:
        """Create the layout and return the account that runs the servers."""
        try:
            ensure_home(self._root / "users")
        except OSError as error:
            raise EmbeddedUnavailableError(
                f"this user may not use the home {self._root.parent}: {error.strerror}", first=OTHER_HOME
            ) from error
        account = Account.for_home(self._root)
        if not account.can_enter(self._root):
            raise EmbeddedUnavailableError(
                f"PostgreSQL does not run as root, and user {account.uid} cannot enter {self._root}", first=OTHER_HOME
            )
        return account

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Hold the home alone: nobody else starts, stops, joins or leaves meanwhile."""
        lock = FileLock(self._root / "lock")
        if not await until(lock.try_acquire, clock=self._clock, timeout_seconds=_LOCK_TIMEOUT_SECONDS):
            raise EmbeddedUnavailableError(f"another process has held {lock.path} for too long")
        try:
            yield
        finally:
            lock.release()

    def directory(self, name: str, account: Account) -> Path:
        """Return a private directory that belongs to the account."""
        path = self._root / name
        if not path.exists():
            path.mkdir(mode=0o700)
            account.own(path)
        return path

    def secret(self, name: str) -> str:
        """Return a random password, kept in a file that only its creator reads."""
        path = self._root / f"{name}.password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text(encoding="utf-8")
