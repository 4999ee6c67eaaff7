"""The operating system user who runs the servers. PostgreSQL refuses root."""

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

# What Linux and macOS fall back to when the names are missing, as in a container without /etc/passwd.
_OVERFLOW_ID = 65534


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user and a group to become; both None for whoever runs this process."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_home(cls, servers: Path) -> "Account":
        """Return who runs the servers kept in `servers`: the owner of earlier data, nobody for root."""
        if os.geteuid() != 0:
            return cls()
        data = servers / "postgres"
        if data.exists() and (owner := data.stat()).st_uid != 0:
            return cls(uid=owner.st_uid, gid=owner.st_gid)
        return cls(uid=_nobody(), gid=_nogroup())

    def own(self, path: Path) -> None:
        """Give a file or directory that this process made to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, directory: Path) -> bool:
        """Say whether the account may pass through every directory down to this one."""
        return self.uid is None or all(self._may_pass(part) for part in (directory, *directory.parents))

    def _may_pass(self, directory: Path) -> bool:
        entry = directory.stat()
        if entry.st_uid == self.uid:
            return bool(entry.st_mode & stat.S_IXUSR)
        if entry.st_gid == self.gid:
            return bool(entry.st_mode & stat.S_IXGRP)
        return bool(entry.st_mode & stat.S_IXOTH)


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return _OVERFLOW_ID


def _nogroup() -> int:
    for name in ("nogroup", "nobody"):
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            continue
    return _OVERFLOW_ID
