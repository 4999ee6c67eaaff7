"""From bytes to an update: what is none, what is a broken one, and what cannot be told in time."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import MalformedUpdateError
from bot.ingress.parse import NotJsonError, Parser

PARSER = Parser()
MESSAGE: dict[str, object] = {
    "message_id": 1,
    "date": 1_800_000_000,
    "chat": {"id": -1001, "type": "supergroup", "title": "Lounge"},
    "from": {"id": 7, "is_bot": False, "first_name": "Mia"},
    "text": "hello",
}


def update(**fields: object) -> bytes:
    return json.dumps({"update_id": 1, "message": MESSAGE | fields}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"1",
        b'"text"',
        b"[]",
        b'[{"update_id": 1}]',
        b"{",
        b"{'update_id': 1}",
        b'{"update_id": 1',
        b'{"update_id": 1}{"update_id": 2}',
        b'{"update_id": 1,}',
        b"update_id=1",
        b"\xff\xfe\x00",
        b"[" * 50_000,
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Telegram sends JSON objects; nothing else came from Telegram."""
    with pytest.raises(NotJsonError):
        PARSER.head(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"update_id": null}',
        b'{"update_id": "1"}',
        b'{"update_id": 1.5}',
        b'{"update_id": -1}',
        b'{"update_id": true}',
        b'{"update_id": 99999999999999999999}',
        b'{"update_id": ' + b"9" * 5000 + b"}",
        b'{"update_id": 1, "message": []}',
        b'{"update_id": 1, "message": {"chat": {"id": 1e99, "type": "group"}}}',
        b'{"update_id": 1, "text": "\\ud800"}',
        b'{"update_id": 1, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"update_id": 1, "x": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        b"\xef\xbb\xbf" + b'{"update_id": 1}',
    ],
)
def test_an_object_that_is_no_update_is_malformed(body: bytes) -> None:
    """An object in a shape nobody can handle came with the secret, so it is taken, once."""
    started = time.perf_counter()
    with pytest.raises(MalformedUpdateError):
        PARSER.head(body)

    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "body",
    [
        update(text="a\x00b"),
        update(message_id=2**60),
        update(date=-1),
        update(chat={"id": -1001, "type": "supergroup", "title": "\x00"}),
        update(**{"from": {"id": 7, "is_bot": False}}),
        update(entities=[{"type": "bot_command", "offset": 0, "length": "9"}]),
        update(entities=[{"type": "bot_command", "offset": -1, "length": 3}]),
        json.dumps({"callback_query": {"id": 1, "from": MESSAGE["from"]}}).encode(),
        json.dumps(
            {
                "chat_member": {
                    "chat": MESSAGE["chat"],
                    "from": MESSAGE["from"],
                    "date": 1,
                    "old_chat_member": {"status": "left", "user": MESSAGE["from"]},
                    "new_chat_member": {"status": "emperor", "user": MESSAGE["from"]},
                }
            }
        ).encode(),
    ],
)
def test_a_field_that_no_handler_can_take_stops_here(body: bytes) -> None:
    """What passes this check cannot make a handler or a store stumble over its type."""
    with pytest.raises(MalformedUpdateError):
        PARSER.check(body)


def test_of_two_equal_keys_the_last_counts() -> None:
    """As in every other JSON parser that sees the update."""
    head = PARSER.head(b'{"update_id": 1, "update_id": 2, "message": null}')

    assert head.update_id == 2


def test_unknown_fields_of_a_newer_api_are_no_fault() -> None:
    """Telegram adds fields and kinds of updates as it likes."""
    body = json.dumps({"update_id": 1, "message": MESSAGE | {"new": {"deep": [1, 2.5, None]}}, "brand_new": {}})

    PARSER.check(body.encode())
    assert PARSER.head(body.encode()).update_id == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["update_id", "message", "chat", "callback_query", "x"]), values))
def test_every_json_object_is_an_update_or_malformed(fields: dict[str, object]) -> None:
    """No JSON object is mistaken for something that Telegram did not send."""
    body = json.dumps(fields).encode()
    try:
        head = PARSER.head(body)
    except MalformedUpdateError:
        return

    assert head.update_id == fields["update_id"]


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    """Whatever comes in, the answer is one of three."""
    try:
        PARSER.head(body)
    except (MalformedUpdateError, NotJsonError):
        return
    PARSER.check(body)
