"""From bytes to the head of an update, or to a reason why there is none."""

import json

import msgspec

from bot.domain.errors import MalformedUpdateError
from bot.ingress.shapes import UpdateHead, UpdateShape


class NotJsonError(Exception):
    """The body is not a JSON object: Telegram did not send it."""


class Parser:
    """Decodes updates. Holds the decoders, which are dear to make."""

    def __init__(self) -> None:
        self._head = msgspec.json.Decoder(UpdateHead)
        self._shape = msgspec.json.Decoder(UpdateShape)

    def head(self, body: bytes) -> UpdateHead:
        """Return what the gate needs.

        Raises NotJsonError for what is no JSON object, MalformedUpdateError for one that is no update.
        """
        try:
            return self._head.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            if _is_object(body):
                raise MalformedUpdateError(str(error)) from error
            raise NotJsonError(str(error)) from error

    def check(self, body: bytes) -> None:
        """Check every field a handler reads. Raises MalformedUpdateError."""
        try:
            self._shape.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MalformedUpdateError(str(error)) from error


def _is_object(body: bytes) -> bool:
    """Tell, off the fast path, whether a body that is no update is a JSON object at all."""
    try:
        # An integer may have any number of digits; Python's own are limited, and their value does not matter here.
        return isinstance(json.loads(body, parse_int=float), dict)
    except RecursionError:
        # Nested deeper than any parser goes; its ends must do.
        stripped = body.strip()
        return stripped.startswith(b"{") and stripped.endswith(b"}")
    except ValueError:
        return False
