"""File locks of the kernel. They end with the process that holds them, kill -9 included."""

import fcntl
import os
import secrets
from pathlib import Path


class FileLock:
    """An exclusive flock on one file, created when missing.

    Released by closing and never by LOCK_UN: a child that inherited the descriptor keeps the lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def path(self) -> Path:
        """Return the locked file."""
        return self._path

    @property
    def descriptor(self) -> int:
        """Return the open descriptor of a lock that is held, for a child to inherit."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it."""
        # Read-only, so that the file may belong to another user.
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Close this process's descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Say whether some process holds the lock."""
    lock = FileLock(path)
    if lock.try_acquire():
        lock.release()
        return False
    return True


class Users:
    """The processes that use the servers: one locked file each. Call only under the home's lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def join(self) -> FileLock:
        """Register one more user."""
        membership = FileLock(self._directory / f"{os.getpid()}-{secrets.token_hex(4)}")
        if not membership.try_acquire():
            raise RuntimeError("a fresh name is taken")
        return membership

    def anybody(self) -> bool:
        """Say whether some process uses the servers."""
        return any(not self._forget_if_dead(path) for path in self._directory.iterdir())

    def leave(self, membership: FileLock) -> bool:
        """Deregister and say whether that was the last living user."""
        membership.release()
        return not [path for path in self._directory.iterdir() if not self._forget_if_dead(path)]

    def _forget_if_dead(self, path: Path) -> bool:
        if is_locked(path):
            return False
        path.unlink(missing_ok=True)
        return True
