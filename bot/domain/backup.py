"""Backups as values: which there are, which of them a moment can be restored from, and which may go."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

# An incremental backup rests on the one before it, and a fault in one of them spoils all that follow.
_LONGEST_CHAIN = 7
_OLDEST_FULL = timedelta(days=7)


class Kind(Enum):
    """How a backup was made."""

    FULL = "full"
    """All files of the server."""
    INCREMENTAL = "incremental"
    """What changed in them since the backup it rests on."""
    DUMP = "dump"
    """One database as statements, where the role may not copy files."""


class Why(Enum):
    """What a backup was made for."""

    COMMAND = "command"
    SCHEDULE = "schedule"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """Which part of which server's log makes a copy of its files whole."""

    system: str
    """The identifier the server was given when it was made."""
    timeline: int
    start: int
    end: int
    """Positions in the log, in bytes."""
    segment_bytes: int

    def segments(self) -> tuple[str, str]:
        """Return the names of the first and the last file of the log that is needed."""
        return self.segment_at(self.start), self.segment_at(max(self.start, self.end - 1))

    def segment_at(self, position: int) -> str:
        """Return the name of the file that holds a position."""
        return segment_name(self.timeline, position // self.segment_bytes, self.segment_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup that was finished."""

    name: str
    kind: Kind
    why: Why
    begun_at: datetime
    ended_at: datetime
    size: int
    """Bytes it takes where it lies: compressed and sealed."""
    database: str
    role: str
    """Who made it, and who therefore is known in what is restored."""
    server_version: int
    revision: str | None
    """Of the schema."""
    release: str
    """Of GMBot."""
    parent: str | None = None
    log: LogRange | None = None
    """None for a dump, which is whole by itself and of one moment."""

    @property
    def major(self) -> int:
        """The server's major version, which has to be the same to start its files."""
        return self.server_version // 10000


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    """Name a file of the log as PostgreSQL does."""
    in_one_id = 0x1_0000_0000 // segment_bytes
    return f"{timeline:08X}{number // in_one_id:08X}{number % in_one_id:08X}"


def segment_number(name: str, segment_bytes: int) -> int:
    """Return the number that `segment_name` was given."""
    return int(name[8:16], 16) * (0x1_0000_0000 // segment_bytes) + int(name[16:24], 16)


def chain_of(backup: Backup, known: Mapping[str, Backup]) -> list[Backup]:
    """Return what a backup rests on, the full one first and itself last. Raises LookupError for one that is gone."""
    chain = [backup]
    while (parent := chain[0].parent) is not None:
        if parent not in known:
            raise LookupError(parent)
        chain.insert(0, known[parent])
    return chain


def parent_for(backups: Sequence[Backup], *, system: str, timeline: int, now: datetime) -> Backup | None:
    """Choose what the next incremental backup rests on; None when it is time for a full one."""
    known = {backup.name: backup for backup in backups}
    for backup in sorted(backups, key=lambda each: each.begun_at, reverse=True):
        if backup.log is None or (backup.log.system, backup.log.timeline) != (system, timeline):
            continue
        try:
            chain = chain_of(backup, known)
        except LookupError:
            continue
        fits = len(chain) < _LONGEST_CHAIN and now - chain[0].begun_at < _OLDEST_FULL
        return backup if fits else None
    return None


def newest_before(backups: Collection[Backup], moment: datetime | None) -> Backup | None:
    """Choose the backup to restore a moment from: the newest one that ended before it."""
    ended = [backup for backup in backups if moment is None or backup.ended_at <= moment]
    return max(ended, key=lambda backup: backup.ended_at, default=None)


def expendable(backups: Collection[Backup], *, now: datetime, keep: int, days: int) -> list[Backup]:
    """Return what may go: what is older than so many days, but never the newest `keep`, nor what those rest on."""
    by_age = sorted(backups, key=lambda backup: backup.ended_at, reverse=True)
    known = {backup.name: backup for backup in backups}
    needed: set[str] = set()
    for place, backup in enumerate(by_age):
        if place < max(keep, 1) or now - backup.ended_at <= timedelta(days=days):
            current: Backup | None = backup
            while current is not None:
                needed.add(current.name)
                current = known.get(current.parent or "")
    return [backup for backup in by_age if backup.name not in needed]
