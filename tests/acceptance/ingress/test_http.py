"""The webhook's door: who is let in, how much is read, and what Telegram is told."""

import asyncio
import json
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from tests.kits.ingress import Headers, Served, raw, secret_of, served
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers]

_SECRET = b"x-telegram-bot-api-secret-token"
_MIB = 1024 * 1024


async def http(instance: Served, head: str, *chunks: bytes, patience: float = 30.0) -> bytes:
    """Speak HTTP over a bare socket and return all that comes back until the other side closes or is silent."""
    address = urlsplit(instance.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    answer = b""
    try:
        writer.write(head.replace("\n", "\r\n").encode())
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        async with asyncio.timeout(patience):
            while part := await reader.read(65536):
                answer += part
                if b"\r\n\r\n" in answer:
                    break
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.close()
    return answer


async def test_without_the_right_secret_nothing_is_read_counted_or_told(instance: Served) -> None:
    """No secret, a wrong one, none at all or another bot's id: refused alike, before the body is asked for."""
    caller = instance.caller
    right = (_SECRET, caller.secret.encode())
    own = f"/telegram/{caller.bot}"
    before = await caller.counts()
    attempts: list[tuple[str, Sequence[tuple[bytes, bytes]]]] = [
        (own, []),
        (own, [(_SECRET, b"")]),
        (own, [(_SECRET, b"wrong")]),
        (own, [(_SECRET, b"\xff\x00")]),
        (own, [(_SECRET, right[1].upper())]),
        (own, [(_SECRET, right[1] + b" ")]),
        (own, [(_SECRET, b"wrong"), right]),
        (f"/telegram/{caller.bot + 1}", [right]),
        ("/telegram/0", [right]),
        ("/telegram/0", [(_SECRET, b"0" * 64)]),
        ("/telegram/", [right]),
        ("/telegram/x", [right]),
        (f"/telegram/{caller.bot}/", [right]),
        (f"/telegram/-{caller.bot}", [right]),
        ("/telegram/" + "9" * 5000, [right]),
        ("/telegram/\u0665", [right]),
    ]
    replies = [await caller.call("POST", path, b'{"update_id": 1}', headers=headers) for path, headers in attempts]

    assert {(reply.status, reply.parts_read, reply.body) for reply in replies} == {
        (403, 0, b"the secret token is missing or wrong\n")
    }
    assert await caller.counts() == before


async def test_no_bots_secret_opens_another_bots_door(platform: Platform, lounge: Lounge) -> None:
    """Two bots of one instance: each takes updates by its own secret, and by it alone."""
    second = lounge.sim.add_bot(username="second_bot")
    await platform.host(second)
    bots = (lounge.bot.id, second.id)
    async with served(platform) as instance:
        await eventually(lambda: {call.bot_id for call in lounge.calls("setWebhook")} == set(bots), "webhooks are set")
        statuses = {
            (at, of): (
                await instance.caller.call(
                    "POST", f"/telegram/{at}", b"{}", headers=[(_SECRET, secret_of(of).encode())]
                )
            ).status
            for at in bots
            for of in bots
        }

    assert statuses == {(at, of): 200 if at == of else 403 for at in bots for of in bots}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_only_post_brings_updates(instance: Served, method: str) -> None:
    """Whatever else is asked of the webhook is refused by name of what is allowed, secret or not."""
    caller = instance.caller
    headers: Headers = [(_SECRET, caller.secret.encode())]
    reply = await caller.call(method, f"/telegram/{caller.bot}", b"{}", headers=headers)

    assert (reply.status, reply.parts_read, reply.headers["allow"]) == (405, 0, "POST")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"1", b'{"update_id": 1', b"\x00", b"a=b", b"[" * 50_000])
async def test_no_json_object_is_refused(instance: Served, body: bytes) -> None:
    """With the secret, too: sending it again would not help, and Telegram sends no such thing."""
    before = await instance.caller.counts()
    reply = await instance.caller.post(body)
    after = await instance.caller.counts()

    assert reply.status == 400
    assert after["not_json"] - before.get("not_json", 0) == 1


SHAPES = {
    "empty": b"{}",
    "only an id": b'{"update_id": 900000001}',
    "unknown kind": b'{"update_id": 900000002, "brand_new": {"x": 1}}',
    "nulls": b'{"update_id": 900000003, "message": null, "callback_query": null}',
    "deep": b'{"update_id": 900000004, "message": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    "deep array": b'{"update_id": 900000005, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "half deep": b'{"update_id": 900000006, "x": ' + b"[" * 900 + b"]" * 900 + b"}",
    "surrogate": b'{"update_id": 900000007, "message": {"text": "\\ud800"}}',
    "NUL": b'{"update_id": 900000008, "message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"},'
    b' "from": {"id": 1, "is_bot": false, "first_name": "\\u0000"}, "text": "/start\\u0000"}}',
    "double keys": b'{"update_id": 900000009, "update_id": 900000009, "message": {}, "message": null}',
    "huge int": b'{"update_id": 900000010, "x": ' + b"9" * 100_000 + b"}",
    "huge id": b'{"update_id": ' + b"9" * 100_000 + b"}",
    "NaN": b'{"update_id": 900000011, "x": NaN, "y": -Infinity}',
    "huge float": b'{"update_id": 900000012, "x": 1e999999}',
    "negative id": b'{"update_id": -1}',
    "long text": b'{"update_id": 900000013, "message": {"text": "' + b"x" * 900_000 + b'"}}',
    "many keys": b'{"update_id": 900000014, ' + b", ".join(b'"k%d": 1' % n for n in range(60_000)) + b"}",
    "two kinds": b'{"update_id": 900000015, "callback_query": {"id": "1"}, "chat_member": []}',
    "press without message": b'{"update_id": 900000016, "callback_query": {"id": "1", "data": "v",'
    b' "chat_instance": "1", "from": {"id": 1, "is_bot": false, "first_name": "x"}}}',
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_json_object_is_taken_once_and_quickly(instance: Served, lounge: Lounge, shape: str) -> None:
    """With the secret any JSON object ends in 200, counted once, logged at most once, and the bot lives on."""
    before = sum((await instance.caller.counts()).values())
    started = time.perf_counter()
    with capture_logs() as events:
        reply = await instance.caller.post(SHAPES[shape])
    took = time.perf_counter() - started
    after = sum((await instance.caller.counts()).values())
    await lounge.protect(lounge.news)

    assert (reply.status, reply.body) == (200, b"")
    assert after - before == 1
    assert len([event for event in events if event["event"].startswith("update.")]) <= 1
    assert took < 5
    assert any("News" in text for text in lounge.said())


async def test_an_update_beyond_the_gate_is_one_line_of_the_log(instance: Served, lounge: Lounge) -> None:
    """It has bot, update, kind, outcome and milliseconds, and nothing of what was written; the gate's have no line."""
    person = {"id": lounge.stranger.id, "is_bot": False, "first_name": "Sam"}
    private = {"id": lounge.stranger.id, "type": "private", "first_name": "Sam"}
    elsewhere = {"id": -1009999999999, "type": "supergroup", "title": "Elsewhere"}
    with capture_logs() as events:
        for number, chat in ((900000200, private), (900000201, elsewhere)):
            message = {"message_id": 1, "date": 1, "chat": chat, "from": person, "text": "hello"}
            reply = await instance.caller.post(raw({"update_id": number, "message": message}))
            assert reply.status == 200
    lines = [event for event in events if event["event"] == "update.handled"]

    assert len(lines) == 1
    took = lines[0].pop("ms")
    assert isinstance(took, float)
    assert took >= 0
    assert lines[0] == {
        "event": "update.handled",
        "log_level": "info",
        "bot": lounge.bot.id,
        "update": 900000200,
        "kind": "message",
        "outcome": "done",
    }


@pytest.mark.parametrize("framing", ["content-length", "chunked", "a lie", "not a number", "negative"])
async def test_a_body_larger_than_any_update_is_refused(instance: Served, framing: str) -> None:
    """30 MB never enter the memory: refused by the announced length, or after the first MiB."""
    frame = {
        "content-length": f"Content-Length: {30 * _MIB}",
        "chunked": "Transfer-Encoding: chunked",
        "a lie": "Content-Length: 99999999999999999999999",
        "not a number": "Content-Length: many",
        "negative": "Content-Length: -1",
    }[framing]
    head = (
        f"POST /telegram/{instance.caller.bot} HTTP/1.1\nHost: x\n"
        f"X-Telegram-Bot-Api-Secret-Token: {instance.caller.secret}\n{frame}\n\n"
    )
    block = b"x" * (_MIB // 2)
    chunk = b"%x\r\n%s\r\n" % (len(block), block) if framing == "chunked" else block
    answer = await http(instance, head, *[chunk] * 60)
    alive = await instance.caller.post(b'{"update_id": 900000099}')

    assert answer == b"" or answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))
    assert alive.status == 200


async def test_the_first_mebibyte_is_all_that_is_read_of_an_endless_body(instance: Served) -> None:
    """Without a length to go by, reading ends where no update can be any longer."""
    parts = [b"x" * 65_536] * 480
    reply = await instance.caller.post(parts)

    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert reply.parts_read == _MIB // 65_536 + 1


async def test_the_largest_update_telegram_sends_is_taken(instance: Served) -> None:
    """Telegram's own limit is half of ours; parts of any size make one body."""
    body = json.dumps({"update_id": 900000100, "x": "y" * 524_000}).encode()
    reply = await instance.caller.post([body[start : start + 1000] for start in range(0, len(body), 1000)])

    assert reply.status == 200


async def test_a_caller_who_hangs_up_has_said_nothing(instance: Served) -> None:
    """Half a body is no update and no fault of Telegram's, even if it looks whole."""
    before = await instance.caller.counts()
    head = (
        f"POST /telegram/{instance.caller.bot} HTTP/1.1\nHost: x\n"
        f"X-Telegram-Bot-Api-Secret-Token: {instance.caller.secret}\nContent-Length: 100\n\n"
    )
    answer = await http(instance, head, b'{"update_id": 900000101}', patience=0.2)
    await asyncio.sleep(0.1)

    assert answer == b""
    assert await instance.caller.counts() == before


async def test_an_attempt_to_change_protocols_is_no_way_in(instance: Served) -> None:
    """The server speaks HTTP only; an upgrade to a WebSocket is a GET like any other."""
    head = (
        f"GET /telegram/{instance.caller.bot} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n"
        "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n"
    )
    answer = await http(instance, head)

    assert answer.startswith(b"HTTP/1.1 405")
