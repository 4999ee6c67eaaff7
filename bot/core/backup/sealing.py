"""Streams that are encrypted and authenticated piece by piece, so that nothing has to fit into memory.

A file is a header, which names the key and holds a salt, and pieces of AES-256-GCM. Each file has a key of its own,
derived from the salt. A piece's nonce is its number and whether it is the last: pieces that are swapped, repeated, left
out or cut off do not open. What a file is for is authenticated, too, so that none can stand in for another.
"""

import hashlib
import hmac
import io
import secrets
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.domain.errors import DamagedBackupError, WrongBackupKeyError

_MAGIC = b"GMBOTBK1"
_FINGERPRINT_BYTES = 8
_SALT_BYTES = 16
_PIECE_BYTES = 1024 * 1024
_TAG_BYTES = 16
_HEADER_BYTES = len(_MAGIC) + _FINGERPRINT_BYTES + _SALT_BYTES
_FINAL = 1


class Sealer:
    """Seals with the deployment's key. With a former key, what that one sealed is opened, too."""

    def __init__(self, key: str, former: str | None = None) -> None:
        self._key = _derive(key.encode(), b"backup")
        self._known = {_fingerprint(each): each for each in (self._key, *self._former(former))}

    @property
    def fingerprint(self) -> str:
        """Tell keys apart without telling anything of them."""
        return _fingerprint(self._key).hex()

    def knows(self, fingerprint: str) -> bool:
        """Say whether what was sealed with this key can be opened."""
        return bytes.fromhex(fingerprint) in self._known

    def writer(self, file: BinaryIO, *, purpose: str) -> "SealedWriter":
        """Seal what is written into `file`; closing it writes the last piece."""
        header = _MAGIC + _fingerprint(self._key) + secrets.token_bytes(_SALT_BYTES)
        file.write(header)
        return SealedWriter(file, _Pieces(self._key, header, purpose))

    def reader(self, file: BinaryIO, *, purpose: str) -> io.BufferedReader:
        """Open what was sealed. Raises WrongBackupKeyError; reading raises DamagedBackupError."""
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
            raise DamagedBackupError(purpose)
        key = self._known.get(header[len(_MAGIC) : len(_MAGIC) + _FINGERPRINT_BYTES])
        if key is None:
            raise WrongBackupKeyError(purpose)
        return io.BufferedReader(_SealedReader(file, _Pieces(key, header, purpose), purpose), _PIECE_BYTES)

    def mac(self, content: bytes, *, fingerprint: str | None = None) -> str:
        """Return what only a holder of the key could say of some bytes."""
        key = self._key if fingerprint is None else self._known[bytes.fromhex(fingerprint)]
        return hmac.digest(key, b"manifest\0" + content, hashlib.sha256).hex()

    @staticmethod
    def _former(former: str | None) -> tuple[bytes, ...]:
        return () if former is None else (_derive(former.encode(), b"backup"),)


class _Pieces:
    """The cipher of one file."""

    def __init__(self, key: bytes, header: bytes, purpose: str) -> None:
        self._cipher = AESGCM(_derive(key, b"file\0" + header))
        self._about = header + purpose.encode()
        self._number = 0

    def seal(self, piece: bytes, *, final: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(final=final), piece, self._about)

    def open(self, sealed: bytes, *, final: bool) -> bytes:
        return self._cipher.decrypt(self._nonce(final=final), sealed, self._about)

    def _nonce(self, *, final: bool) -> bytes:
        number, self._number = self._number, self._number + 1
        return struct.pack(">3xBQ", _FINAL if final else 0, number)


class SealedWriter(io.RawIOBase):
    """Takes plain bytes and writes sealed pieces."""

    def __init__(self, file: BinaryIO, pieces: _Pieces) -> None:
        super().__init__()
        self._file = file
        self._pieces = pieces
        self._waiting = bytearray()

    def writable(self) -> bool:
        """Say so."""
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]  # narrower than a buffer
        """Seal every full piece; one is held back, for it may be the last."""
        self._waiting += data
        while len(self._waiting) > _PIECE_BYTES:
            self._file.write(self._pieces.seal(bytes(self._waiting[:_PIECE_BYTES]), final=False))
            del self._waiting[:_PIECE_BYTES]
        return len(data)

    def finish(self) -> None:
        """Write the last piece. A file that lacks it does not open, so this is not left to `close`."""
        self._file.write(self._pieces.seal(bytes(self._waiting), final=True))
        self._waiting.clear()


class _SealedReader(io.RawIOBase):
    """Gives plain bytes."""

    def __init__(self, file: BinaryIO, pieces: _Pieces, purpose: str) -> None:
        super().__init__()
        self._file = file
        self._pieces = pieces
        self._purpose = purpose
        self._plain = b""
        self._next = file.read(_PIECE_BYTES + _TAG_BYTES)
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # narrower than a buffer
        while not self._plain and not self._ended:
            sealed, self._next = self._next, self._file.read(_PIECE_BYTES + _TAG_BYTES)
            self._ended = not self._next
            try:
                self._plain = self._pieces.open(sealed, final=self._ended)
            except InvalidTag as error:
                raise DamagedBackupError(self._purpose) from error
        given = self._plain[: len(buffer)]
        buffer[: len(given)] = given
        self._plain = self._plain[len(given) :]
        return len(given)


def _fingerprint(key: bytes) -> bytes:
    return _derive(key, b"fingerprint")[:_FINGERPRINT_BYTES]


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, hashlib.sha256)
