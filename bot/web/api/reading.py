"""Requests read into typed values; what does not fit is refused with the name of the field that is wrong."""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
import structlog

from bot.domain.errors import InvalidInputError
from bot.web.api.asked import Asked

Shape = TypeVar("Shape", bound=Asked)

_MISSING = re.compile(r"missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_LONGEST_NAME = 64

log = structlog.stdlib.get_logger()


class MalformedBodyError(InvalidInputError):
    """The body is no JSON at all. What exactly is wrong with it stands in the log only."""


def read_body(body: bytes, shape: type[Shape]) -> Shape:
    """Read a body; an empty one stands for no fields. Raises InvalidInputError."""
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise _wrong(error, "body") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.info("api.malformed_body", error=str(error), bytes=len(body))
        raise MalformedBodyError("body", "the body is no valid JSON") from error


def read_query(query: Mapping[str, str], shape: type[Shape]) -> Shape:
    """Read what stands behind the question mark. Raises InvalidInputError."""
    try:
        found = msgspec.convert(dict(query), shape, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong(error, "query") from error
    for name in query:
        # The word "null" is read as None where that is allowed, which is to leave the parameter out.
        if getattr(found, name, query) is None:
            raise InvalidInputError(name, f"{name} must not be null")
    return found


def _wrong(error: msgspec.ValidationError, whole: str) -> InvalidInputError:
    """Name the field; its value is not repeated: it may be a token."""
    text = str(error)
    if found := _MISSING.search(text):
        return InvalidInputError(found[1], f"{found[1]} is missing")
    if found := _UNKNOWN.search(text):
        name = found[1][:_LONGEST_NAME]
        return InvalidInputError(name, f"{name} is no field of this request")
    place = _PLACE.search(text)
    name, problem = (place[1] if place else "") or whole, _PLACE.sub("", text)
    if "got `null`" in problem:
        return InvalidInputError(name, f"{name} must not be null")
    return InvalidInputError(name, f"{name}: {problem[:1].lower()}{problem[1:]}".split(", value", 1)[0])
