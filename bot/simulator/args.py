"""The arguments of one Bot API call, read as leniently as Telegram reads them."""

import email.parser
import email.policy
import json
import re
from urllib.parse import parse_qsl

from .errors import ApiError
from .model import JsonObject

# Text that stays text in the record even where it looks like a number or like JSON.
TEXTS = frozenset(
    {
        "text",
        "caption",
        "parse_mode",
        "url",
        "callback_query_id",
        "description",
        "short_description",
        "name",
        "language_code",
        "invite_link",
        "secret_token",
        "title",
        "custom_title",
        "tag",
        "data",
        "result",
        "chat_join_request_query_id",
        "business_connection_id",
        "inline_message_id",
        "message_effect_id",
        "photo",
        "ip_address",
    }
)
_LEADING_INTEGER = re.compile(r"\s*([+-]?\d+)")
LARGEST = (1 << 63) - 1


class Args:
    """Named texts; nested values are JSON in text form."""

    def __init__(self, values: dict[str, str], files: dict[str, bytes] | None = None) -> None:
        self._values = values
        self._files = files or {}

    def recorded(self) -> JsonObject:
        """Return the arguments with JSON read, for the record; files that another argument names are part of that."""
        named = {name for name in self._files if any(f'"attach://{name}"' in value for value in self._values.values())}
        values = {name: value for name, value in self._values.items() if name not in named}
        return {name: value if name in TEXTS else _read(value) for name, value in values.items()}

    def has(self, name: str) -> bool:
        """Say whether the argument was given and is not empty."""
        return bool(self._values.get(name))

    def text(self, name: str) -> str:
        """Return the argument, empty when it is missing."""
        return self._values.get(name, "")

    def take(self, name: str) -> str:
        """Return and remove an argument that is none of the method's own."""
        return self._values.pop(name, "")

    def file(self, name: str) -> bytes | None:
        """Return an uploaded file by the name of its part, None when there is none."""
        return self._files.get(name)

    def integer(self, name: str, default: int = 0) -> int:
        """Return the leading digits, as Telegram's server does."""
        match = _LEADING_INTEGER.match(self._values.get(name, ""))
        return default if match is None else max(-LARGEST, min(LARGEST, int(match.group(1))))

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return true for true, yes and 1."""
        value = self._values.get(name)
        return default if value is None else value.strip().lower() in {"true", "yes", "1"}

    def json(self, name: str) -> object:
        """Return a nested value, or None when it is missing or empty."""
        value = self._values.get(name)
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            subject = name.replace("_", " ")
            raise ApiError.bad_request(f"can't parse {subject} JSON object") from None

    def json_object(self, name: str) -> JsonObject | None:
        """Return a nested object, or None when it is missing."""
        value = self.json(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise ApiError.bad_request(f"object expected as {name.replace('_', ' ')}")
        return value


def _read(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def read_args(query: str, content_type: str, body: bytes) -> Args:
    """Read the query string and a form, multipart or JSON body."""
    values = dict(parse_qsl(query, keep_blank_values=True))
    files: dict[str, bytes] = {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        values |= _from_json(body)
    elif kind == "multipart/form-data":
        values |= _from_multipart(content_type, body, files)
    elif kind == "application/x-www-form-urlencoded":
        values |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Args(values, files)


def _from_json(body: bytes) -> dict[str, str]:
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except ValueError:
        raise ApiError.bad_request("can't parse JSON object") from None
    if not isinstance(parsed, dict):
        raise ApiError.bad_request("request must be a JSON object")
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in parsed.items()
        if value is not None
    }


def _from_multipart(content_type: str, body: bytes, files: dict[str, bytes]) -> dict[str, str]:
    """Read form fields, and put what is uploaded into `files`."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    values = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            continue
        filename = part.get_filename()
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if filename:
            files[name] = content
        values[name] = f"attach://{name}" if filename else content.decode("utf-8", "replace")
    return values
