"""Files that root may have to write for somebody else."""

import os
from pathlib import Path
from typing import BinaryIO


def write_private(path: Path, text: str) -> None:
    """Write a file for the eyes of its directory's owner only, whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    # O_EXCL follows no link that the directory's owner may have put there.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        # A password that a power cut empties would lock the data away.
        os.fsync(descriptor)
        _give_to_owner_of(path.parent, descriptor)
    draft.replace(path)


def open_log(path: Path, *, limit_bytes: int) -> BinaryIO:
    """Open a log for appending; one that has grown too long becomes the single old one."""
    if path.exists() and path.stat().st_size > limit_bytes:
        path.replace(path.with_name(f"{path.name}.1"))
    log = path.open("ab")
    _give_to_owner_of(path.parent, log.fileno())
    return log


def _give_to_owner_of(directory: Path, descriptor: int) -> None:
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
