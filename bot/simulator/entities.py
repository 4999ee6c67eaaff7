"""Message entities: those that Telegram finds in plain text, and those that HTML marks up."""

import html
import re
from dataclasses import dataclass, field
from types import MappingProxyType

from .errors import ApiError
from .model import JsonObject

_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]+|(?<![\w@.])t\.me/[^\s<>\"]+)"
    r"|(?P<email>(?<![\w@.])[\w.+-]+@[\w-]+\.[\w.]+)"
    r"|(?P<mention>(?<![\w@])@[A-Za-z]\w{3,31})"
    r"|(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,32}(?:@[A-Za-z]\w{3,31})?)"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)"
)
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z0-9-]*)(?P<attributes>[^>]*)>")
_ATTRIBUTE = re.compile(r"([A-Za-z0-9-]+)\s*(?:=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?")
_TYPES = MappingProxyType(
    {
        "b": "bold",
        "strong": "bold",
        "i": "italic",
        "em": "italic",
        "u": "underline",
        "ins": "underline",
        "s": "strikethrough",
        "strike": "strikethrough",
        "del": "strikethrough",
        "tg-spoiler": "spoiler",
        "span": "spoiler",
        "code": "code",
        "pre": "pre",
        "a": "text_link",
        "blockquote": "blockquote",
        "tg-emoji": "custom_emoji",
    }
)
_NAMED = MappingProxyType({"lt": "<", "gt": ">", "amp": "&", "quot": '"'})
_REFERENCE = re.compile(r"&(#x[0-9A-Fa-f]+|#[0-9]+|lt|gt|amp|quot);")


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units, in which Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def find_entities(text: str) -> list[JsonObject]:
    """Return the entities Telegram finds by itself."""
    return [
        {
            "type": str(match.lastgroup),
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match.group()),
        }
        for match in _FOUND.finditer(text)
    ]


@dataclass(slots=True)
class _Open:
    name: str
    offset: int
    attributes: dict[str, str]
    byte_offset: int


@dataclass(slots=True)
class _Parse:
    text: list[str] = field(default_factory=list)
    length: int = 0
    stack: list[_Open] = field(default_factory=list)
    entities: list[JsonObject] = field(default_factory=list)

    def add(self, raw: str) -> None:
        plain = _REFERENCE.sub(_dereference, raw)
        self.text.append(plain)
        self.length += utf16_length(plain)

    def close(self, name: str, byte_offset: int) -> None:
        if not self.stack:
            raise ApiError.bad_request(f"can't parse entities: Unexpected end tag at byte offset {byte_offset}")
        opened = self.stack.pop()
        if name not in ("", opened.name):
            raise ApiError.bad_request(
                f"can't parse entities: Unmatched end tag at byte offset {byte_offset}, "
                f'expected "</{opened.name}>", found "</{name}>"'
            )
        if self.length > opened.offset:
            self.entities.append(_entity(opened, self.length, "".join(self.text)))


def _dereference(match: re.Match[str]) -> str:
    name = match.group(1)
    return _NAMED.get(name) or html.unescape(match.group())


def _entity(opened: _Open, end: int, text: str) -> JsonObject:
    kind = _TYPES[opened.name]
    entity: JsonObject = {"type": kind, "offset": opened.offset, "length": end - opened.offset}
    if kind == "blockquote" and "expandable" in opened.attributes:
        entity["type"] = "expandable_blockquote"
    if kind == "text_link":
        url = opened.attributes.get("href") or text.encode("utf-16-le")[opened.offset * 2 :].decode("utf-16-le")
        entity["url"] = url if "://" in url else f"http://{url}/"
    if kind == "custom_emoji":
        entity["custom_emoji_id"] = opened.attributes.get("emoji-id", "")
    return entity


def parse_html(source: str) -> tuple[str, list[JsonObject]]:
    """Return the text and its entities, or refuse bad markup in Telegram's words."""
    parse = _Parse()
    position = 0
    while (start := source.find("<", position)) >= 0:
        parse.add(source[position:start])
        byte_offset = len(source[:start].encode())
        match = _TAG.match(source, start)
        if match is None:
            raise ApiError.bad_request(f"can't parse entities: Unclosed start tag at byte offset {byte_offset}")
        name = match["name"].lower()
        if match["close"]:
            parse.close(name, byte_offset)
        else:
            parse.stack.append(_opened(name, match["attributes"], parse.length, byte_offset))
        position = match.end()
    parse.add(source[position:])
    if parse.stack:
        last = parse.stack[-1]
        raise ApiError.bad_request(
            f"can't parse entities: Can't find end tag corresponding to start tag \"{last.name}\""
        )
    return _trimmed("".join(parse.text), parse.entities)


def _opened(name: str, attributes: str, offset: int, byte_offset: int) -> _Open:
    named = {
        key.lower(): first or second or third or "" for key, first, second, third in _ATTRIBUTE.findall(attributes)
    }
    if name not in _TYPES:
        raise ApiError.bad_request(
            f'can\'t parse entities: Unsupported start tag "{name}" at byte offset {byte_offset}'
        )
    if name == "span" and named.get("class") != "tg-spoiler":
        raise ApiError.bad_request(
            f'can\'t parse entities: Tag "span" must have class "tg-spoiler" at byte offset {byte_offset}'
        )
    return _Open(name, offset, named, byte_offset)


def _trimmed(text: str, entities: list[JsonObject]) -> tuple[str, list[JsonObject]]:
    """Cut white space at both ends as Telegram does, moving the entities along."""
    lead = utf16_length(text) - utf16_length(text.lstrip())
    trimmed = text.strip()
    end = utf16_length(trimmed)
    kept = []
    for entity in sorted(entities, key=lambda each: (_number(each, "offset"), -_number(each, "length"))):
        start = max(0, _number(entity, "offset") - lead)
        stop = min(end, _number(entity, "offset") + _number(entity, "length") - lead)
        if stop > start:
            kept.append({**entity, "offset": start, "length": stop - start})
    return trimmed, kept


def _number(entity: JsonObject, name: str) -> int:
    value = entity[name]
    return value if isinstance(value, int) else 0
