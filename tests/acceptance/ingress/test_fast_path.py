"""The short way of messages that the gate settles: the same answers as the long way, over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from tests.acceptance.kit import finished
from tests.kits.ingress import Served, served
from tests.kits.platform import Lounge, Platform

pytestmark = [pytest.mark.servers]


def done(instance: Served) -> bytes:
    """Return what an update that is done is answered with, byte for byte."""
    return f"HTTP/1.1 200 OK\r\nx-gmbot-instance: {instance.caller.site.instance}\r\ncontent-length: 0\r\n\r\n".encode()


@pytest.fixture
async def instance(platform: Platform, lounge: Lounge) -> AsyncIterator[Served]:
    """Run one instance in which the lounge's member is known."""
    async with served(platform) as instance:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        lounge.sim.say(lounge.member, lounge.group, "hello")
        await finished(lounge, platform)
        yield instance


def head(instance: Served, length: int | None, *lines: str, version: str = "1.1") -> bytes:
    """Write the head of an authentic update."""
    sizes = [] if length is None else [f"Content-Length: {length}"]
    secret = f"X-Telegram-Bot-Api-Secret-Token: {instance.caller.secret}"
    first = f"POST /telegram/{instance.caller.bot} HTTP/{version}"
    return "\r\n".join([first, "Host: x", secret, *sizes, *lines, "", ""]).encode()


def spoken(lounge: Lounge, number: int, text: str = "hello") -> bytes:
    """Write an update in which the member says something."""
    sender = {"id": lounge.member.id, "is_bot": False, "first_name": "Mia"}
    chat = {"id": lounge.group.id, "type": "supergroup", "title": "Lounge"}
    message = {"message_id": number, "date": 1, "chat": chat, "from": sender, "text": text}
    return json.dumps({"update_id": number, "message": message}).encode()


class Connection:
    """A bare connection to the instance."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        """Send parts, each in a packet of its own."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0.02)

    async def receive(self, size: int) -> bytes:
        """Return so many bytes."""
        async with asyncio.timeout(30):
            return await self._reader.readexactly(size)

    async def rest(self) -> bytes:
        """Return all that comes until the other side closes."""
        async with asyncio.timeout(30):
            return await self._reader.read()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def connect(stack: AsyncExitStack, instance: Served) -> Connection:
    """Connect for the time of the stack."""
    address = urlsplit(instance.url)
    connection = Connection(*await asyncio.open_connection(address.hostname, address.port))
    stack.callback(connection.close)
    return connection


async def test_a_body_may_come_in_pieces(instance: Served, lounge: Lounge) -> None:
    """Head and body in many packets, twice on one connection: two answers, both counted, nothing asked."""
    calls = len(lounge.calls())
    before = (await instance.caller.counts()).get("verified", 0)
    async with AsyncExitStack() as stack:
        connection = await connect(stack, instance)
        for number in (9001, 9002):
            body = spoken(lounge, number)
            request = head(instance, len(body)) + body
            await connection.send(request[:30], request[30:-40], request[-40:-1], request[-1:])

            assert await connection.receive(len(done(instance))) == done(instance)
    assert (await instance.caller.counts())["verified"] == before + 2
    assert len(lounge.calls()) == calls


async def test_answers_keep_the_order_of_a_pipeline(instance: Served, lounge: Lounge) -> None:
    """A request that needs a handler, between some that need none: each is answered, and in its turn."""
    known, command = spoken(lounge, 9101), spoken(lounge, 9102, "/status")
    pipeline = [known, command, b"[]", known, known]
    async with AsyncExitStack() as stack:
        connection = await connect(stack, instance)
        await connection.send(b"".join(head(instance, len(body)) + body for body in pipeline))
        answers = await connection.receive(len(done(instance)) * 2)
        refusal = await connection.receive(len(b"HTTP/1.1 400"))
        counts = await instance.caller.counts()
        connection.close()

    assert answers == done(instance) * 2
    assert refusal == b"HTTP/1.1 400"
    assert counts["done"] >= 1


async def test_an_unusual_request_goes_the_long_way(instance: Served, lounge: Lounge) -> None:
    """Chunks without a length, an older protocol, a connection to be closed: answered as ever."""
    body = spoken(lounge, 9201)
    chunks = head(instance, None, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    closing = head(instance, len(body), "Connection: close") + body
    old = head(instance, len(body), version="1.0") + body
    waiting = head(instance, len(body), "Expect: 100-continue")
    async with AsyncExitStack() as stack:
        first, second, third, fourth = [await connect(stack, instance) for _ in range(4)]
        await first.send(chunks)
        await second.send(closing)
        await third.send(old)
        await fourth.send(waiting)

        assert await first.receive(len(done(instance))) == done(instance)
        assert (await second.rest()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert (await third.rest()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await fourth.receive(21) == b"HTTP/1.1 100 Continue"
    assert (await instance.caller.counts())["verified"] >= 3


@pytest.mark.parametrize("secrets", [["wrong", "right"], ["", "right"], []])
async def test_only_the_first_secret_counts(instance: Served, lounge: Lounge, secrets: list[str]) -> None:
    """A wrong secret before the right one, an empty one, none: 403 before a byte of the body, and the end."""
    lines = [
        f"X-Telegram-Bot-Api-Secret-Token: {instance.caller.secret if each == 'right' else each}" for each in secrets
    ]
    request = "\r\n".join(
        [f"POST /telegram/{instance.caller.bot} HTTP/1.1", "Host: x", "Content-Length: 10", *lines, "", ""]
    )
    async with AsyncExitStack() as stack:
        connection = await connect(stack, instance)
        await connection.send(request.encode())

        assert (await connection.rest()).startswith(b"HTTP/1.1 403")
    assert lounge.member is not None


async def test_a_body_that_is_on_its_way_at_the_stop_is_answered(platform: Platform, lounge: Lounge) -> None:
    """The stop of an instance waits for the rest of an update."""
    async with AsyncExitStack() as stack:
        async with served(platform) as instance:
            await platform.webhook_is_set()
            body = spoken(lounge, 9301)
            connection = await connect(stack, instance)
            request = head(instance, len(body)) + body
            await connection.send(request[:-5])
            ending = asyncio.get_running_loop().create_task(_finish(connection, request[-5:]))

        answer = await ending
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def _finish(connection: Connection, rest: bytes) -> bytes:
    await asyncio.sleep(0.5)
    await connection.send(rest)
    return await connection.rest()
