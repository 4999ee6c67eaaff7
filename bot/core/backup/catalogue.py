"""Where backups lie: a directory for each, and the files of the log that were written since.

A manifest says in plain text what a backup is, with the checksum of each of its files, and is authenticated with the
key. It is written last, so what has none was not finished.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.core.backup.sealing import Sealer
from bot.domain.backup import Backup, Kind, LogRange, Why, expendable
from bot.domain.errors import BackupError, DamagedBackupError, WrongBackupKeyError

DATA = "data.sealed"
INDEX = "index.sealed"

_MANIFEST = "manifest.json"
_LOG = "log"
_DRAFT = "draft."
_FORGOTTEN_SECONDS = 24 * 3600
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """A backup as it was found. With a fault it is not to be relied on."""

    backup: Backup
    fault: BackupError | None = None


class Catalogue:
    """The directory of all backups."""

    def __init__(self, root: Path, sealer: Sealer) -> None:
        self.root = root
        self.sealer = sealer

    def entries(self) -> list[Entry]:
        """Return all finished backups, the oldest first."""
        found = [self._entry(path.parent) for path in self.root.glob(f"*/{_MANIFEST}")]
        return sorted(found, key=lambda entry: (entry.backup.ended_at, entry.backup.name))

    def good(self) -> list[Backup]:
        """Return the backups whose manifests are ours, the oldest first."""
        return [entry.backup for entry in self.entries() if entry.fault is None]

    def find(self, name: str) -> Backup:
        """Return one backup. Raises BackupError."""
        for entry in self.entries():
            if entry.backup.name == name:
                if entry.fault is not None:
                    raise entry.fault
                return entry.backup
        raise BackupError(f"there is no backup {name} in {self.root}; `gmbot backup list` lists them")

    def file(self, name: str, part: str) -> Path:
        """Return the path of a part of a backup."""
        return self.root / name / part

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Make a directory to write a backup into; it goes unless `finish` took it."""
        self._prepare(self.root)
        path = self.root / f"{_DRAFT}{secrets.token_hex(6)}"
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def finish(self, draft: Path, backup: Backup) -> None:
        """Write the manifest and give the backup its name."""
        files = {path.name: _description(path) for path in sorted(draft.iterdir())}
        content = {"backup": _plain(backup), "files": files, "key": self.sealer.fingerprint}
        mac = self.sealer.mac(_canonical(content))
        _write(draft / _MANIFEST, json.dumps({**content, "mac": mac}, indent=2).encode())
        draft.replace(self.root / backup.name)
        _sync(self.root)

    def check(self, backup: Backup) -> int:
        """Compare every file of a backup with its checksum; return how many bytes. Raises DamagedBackupError."""
        checked = 0
        for name, expected in self._manifest(self.root / backup.name)["files"].items():
            path = self.file(backup.name, name)
            if not path.exists() or _description(path) != expected:
                raise DamagedBackupError(f"{backup.name}/{name}")
            checked += expected["bytes"]
        return checked

    def prune(self, *, now: datetime, keep: int, days: int) -> list[Backup]:
        """Delete what may go, and the log that nothing needs any more; return which backups went."""
        gone = expendable(self.good(), now=now, keep=keep, days=days)
        for backup in gone:
            # The manifest goes first: what is half deleted is not taken for a backup.
            self.file(backup.name, _MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self.root / backup.name, ignore_errors=True)
        self._prune_log()
        self._drop_forgotten(now)
        return gone

    def log_directory(self, system: str) -> Path:
        """Return where the log of a server lies."""
        path = self.root / _LOG / system
        self._prepare(path)
        return path

    def log_segments(self, log: LogRange) -> list[str]:
        """Return which files of the log are there from the backup's own on, on its timeline, in order."""
        first, _ = log.segments()
        names = (path.name for path in (self.root / _LOG / log.system).glob(f"{log.timeline:08X}*"))
        return sorted(name for name in names if name >= first and len(name) == len(first))

    def _prune_log(self) -> None:
        needed: dict[str, str] = {}
        for backup in self.good():
            if backup.log is not None:
                first, _ = backup.log.segments()
                needed[backup.log.system] = min(first, needed.get(backup.log.system, first))
        for directory in (self.root / _LOG).glob("*"):
            first = needed.get(directory.name, "G")
            for path in directory.iterdir():
                if path.name < first:
                    path.unlink(missing_ok=True)
            if directory.name not in needed:
                shutil.rmtree(directory, ignore_errors=True)

    def _entry(self, directory: Path) -> Entry:
        try:
            manifest = self._manifest(directory)
            backup = _read(manifest["backup"])
        except (ValueError, KeyError, TypeError, OSError):
            return Entry(_unreadable(directory), DamagedBackupError(f"{directory.name}/{_MANIFEST}"))
        if not self.sealer.knows(manifest["key"]):
            return Entry(backup, WrongBackupKeyError(backup.name))
        mac = manifest.pop("mac", "")
        if not hmac.compare_digest(self.sealer.mac(_canonical(manifest), fingerprint=manifest["key"]), mac):
            return Entry(backup, DamagedBackupError(f"{directory.name}/{_MANIFEST}"))
        return Entry(backup)

    @staticmethod
    def _manifest(directory: Path) -> dict[str, Any]:
        loaded = json.loads((directory / _MANIFEST).read_bytes())
        if not isinstance(loaded, dict):
            raise TypeError
        return loaded

    def _drop_forgotten(self, now: datetime) -> None:
        """Drop what was begun a day ago and never finished."""
        for path in self.root.glob(f"{_DRAFT}*"):
            with contextlib.suppress(FileNotFoundError):
                if now.timestamp() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def _prepare(directory: Path) -> None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BackupError(f"{directory} cannot be made: {error.strerror}; choose another BACKUP_DIR") from error


def _plain(backup: Backup) -> dict[str, object]:
    return {
        **asdict(backup),
        "kind": backup.kind.value,
        "why": backup.why.value,
        "begun_at": backup.begun_at.isoformat(),
        "ended_at": backup.ended_at.isoformat(),
    }


def _read(fields: Mapping[str, Any]) -> Backup:
    known = {
        **fields,
        "kind": Kind(fields["kind"]),
        "why": Why(fields["why"]),
        "begun_at": datetime.fromisoformat(fields["begun_at"]),
        "ended_at": datetime.fromisoformat(fields["ended_at"]),
        "log": None if fields["log"] is None else LogRange(**fields["log"]),
    }
    return Backup(**known)


def _unreadable(directory: Path) -> Backup:
    changed = datetime.fromtimestamp(directory.stat().st_mtime).astimezone()
    return Backup(
        name=directory.name,
        kind=Kind.FULL,
        why=Why.COMMAND,
        begun_at=changed,
        ended_at=changed,
        size=0,
        database="",
        role="",
        server_version=0,
        revision=None,
        release="",
    )


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _description(path: Path) -> dict[str, object]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make a rename last."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
