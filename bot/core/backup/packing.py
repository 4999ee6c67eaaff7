"""Compressed, then sealed: how everything of a backup is written and read."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from bot.core.backup.sealing import Sealer
from bot.core.backup.tools import Source
from bot.domain.errors import DamagedBackupError

# A database shrinks to a fifth at the lowest level already, and higher ones cost more time than they save.
_LEVEL = 1


class Sink(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of it."""
        ...


@contextmanager
def packed(path: Path, sealer: Sealer, purpose: str) -> Iterator[Sink]:
    """Write a new file; it is on the disk when the block has ended well."""
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        sealed = sealer.writer(file, purpose=purpose)
        with gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=_LEVEL, filename="", mtime=0) as compressed:
            yield compressed
        sealed.finish()
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def unpacked(path: Path, sealer: Sealer, purpose: str) -> Iterator[Source]:
    """Read a file. Raises WrongBackupKeyError, DamagedBackupError."""
    try:
        with (
            path.open("rb") as file,
            sealer.reader(file, purpose=purpose) as plain,
            gzip.GzipFile(fileobj=plain, mode="rb") as content,
        ):
            yield content
    except (FileNotFoundError, gzip.BadGzipFile, EOFError) as error:
        raise DamagedBackupError(purpose) from error
