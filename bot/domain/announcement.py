"""What an operator has a bot say: how long it may be, and where it is cut."""

import re

from bot.domain.errors import InvalidInputError, TooLargeError

LARGEST_BYTES = 10 * 1024
# Telegram counts UTF-16 code units: an emoji is two.
_LONGEST_UNITS = 4096

# Where a text is cut, the best place first.
_PLACES = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…。！？])\s"), re.compile(r"\s"))  # noqa: RUF001 - full stops of other scripts  # fmt: skip


def checked_message(text: str) -> str:
    """Return a message that can be sent. Raises InvalidInputError and TooLargeError."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_BYTES:
        raise TooLargeError("text", "Message too long (limit 10 KB)")
    # A lone half of a character cannot be sent, and NUL ends a text for some clients.
    cleaned = re.sub("[\x00\ud800-\udfff]", "", text).strip()
    if not cleaned:
        raise InvalidInputError("text", "Message cannot be empty")
    return cleaned


def cut(text: str, longest: int = _LONGEST_UNITS) -> tuple[str, ...]:
    """Cut a text into messages Telegram takes: between paragraphs, lines, sentences or words, whichever comes first."""
    parts: list[str] = []
    while _units(text) > longest:
        head = _head(text, longest)
        # A message may be short for a good place, but not nearly empty.
        place = next((end for pattern in _PLACES if (end := _last(pattern, head, len(head) // 2))), len(head))
        parts.append(text[:place].rstrip())
        text = text[place:].lstrip()
    return (*parts, text) if text else tuple(parts)


def _last(pattern: re.Pattern[str], text: str, least: int) -> int:
    return max((match.end() for match in pattern.finditer(text) if match.end() > least), default=0)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _head(text: str, longest: int) -> str:
    # The cut may fall into a pair of units; that character then begins the next message.
    return text.encode("utf-16-le")[: longest * 2].decode("utf-16-le", "ignore")
