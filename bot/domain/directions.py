"""Sentences in which letters are written from the right, and what is filled in may not be (Unicode's UAX 9)."""

import re
import unicodedata

_TAG = re.compile(r"<[^>]*>")
# What is copied or followed stays as it is; numbers have no direction of their own.
_FILLED_IN = re.compile(r"(<code>.*?</code>|<[^>]*>)|\{(?!count|total|days|most)\w+\}")
# A command, or what is to be copied; not the slash of an address or of a closing tag.
_TYPED = re.compile(r"(<a [^>]*>)|(<code>|(?<![\w<>:/])(?:<b>)?/[a-z])")
_ISOLATE, _POP, _RIGHT_TO_LEFT_MARK, _LEFT_TO_RIGHT_MARK = "\u2068", "\u2069", "\u200f", "\u200e"


def right_to_left(text: str) -> str:
    """Isolate what is filled in, keep a command's slash before it, and begin each line from the right.

    Clients go by the first letter of a line, and show a slash on the side that the letters around it come from.
    """
    text = _TYPED.sub(lambda part: part[0] if part[1] else _LEFT_TO_RIGHT_MARK + part[0], text)
    isolated = _FILLED_IN.sub(lambda part: part[0] if part[1] else f"{_ISOLATE}{part[0]}{_POP}", text)
    return "\n".join(_RIGHT_TO_LEFT_MARK + line if _begins_wrongly(line) else line for line in isolated.split("\n"))


def is_right_to_left(text: str) -> bool:
    """Whether any letter is written from the right."""
    return bool({"R", "AL"} & {unicodedata.bidirectional(letter) for letter in text})


def _begins_wrongly(line: str) -> bool:
    directions = [unicodedata.bidirectional(letter) for letter in _TAG.sub("", line)]
    strong = [direction for direction in directions if direction in {"L", "R", "AL"}]
    return strong[:1] == ["L"] and bool({"R", "AL"} & set(strong))
