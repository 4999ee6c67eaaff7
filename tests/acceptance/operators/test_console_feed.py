"""The live feed: what is decided is told at once, once, and by any instance."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from bot.domain.operator import Rank
from tests.acceptance.operators.test_console import link_to
from tests.kits.console import Visitor, visitor
from tests.kits.platform import Lounge, Platform, balancer, eventually
from tests.kits.ports import free_port

pytestmark = pytest.mark.servers


@dataclass
class Watching:
    """A browser's EventSource: it comes back by itself, with the place of the last line it got."""

    url: str
    cookies: dict[str, str]
    place: str
    lines: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    gaps: int = 0

    async def run(self) -> None:
        """Read until cancelled."""
        async with aiohttp.ClientSession(cookies=self.cookies) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                    await self._read(session)
                await asyncio.sleep(0.2)

    async def _read(self, session: aiohttp.ClientSession) -> None:
        headers = {"Last-Event-ID": self.place}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=20)
        async with session.get(f"{self.url}/console/feed", headers=headers, timeout=timeout) as answer:
            assert answer.content_type == "text/event-stream"
            self.opened.append(time.monotonic())
            kind = "message"
            async for raw in answer.content:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                match name:
                    case "event":
                        kind = value
                    case "id":
                        self.place = value
                    case "data" if kind == "gap":
                        self.gaps += 1
                        kind = "message"
                    case "data":
                        self.lines.append(value)
                        self.names += re.findall(r'data-line="([^"]+)"', value)
                    case _:
                        pass

    def told(self, kind: str, name: str) -> bool:
        """Whether a line of this kind about this person came."""
        return any(f">{kind}<" in line and name in line for line in self.lines)


@contextlib.asynccontextmanager
async def watching(someone: Visitor, url: str) -> AsyncIterator[Watching]:
    """Open the overview, and follow the feed from the place it names."""
    text = await someone.get("")
    found = re.search(r'data-place="([\d-]+)"', text)
    assert found is not None
    feed = Watching(url, someone.cookies, found[1])
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(feed.run())
        await eventually(lambda: bool(feed.opened), "the stream is open")
        yield feed
        reading.cancel()


async def test_what_is_decided_is_told_at_once(platform: Platform, lounge: Lounge, instance: str) -> None:
    """A mute, and the freedom after it; a member's message tells nothing."""
    await lounge.protect(lounge.news)
    async with visitor(instance) as someone:
        await someone.log_in(await link_to(platform, instance, Rank.VIEWER))
        async with watching(someone, instance) as feed:
            lounge.sim.say(lounge.stranger, lounge.group, "hello")
            await eventually(lambda: feed.told("muted", "Sam"), "the mute is told")
            lounge.sim.join(lounge.stranger, lounge.news)
            await eventually(lambda: feed.told("lifted", "Sam"), "the freedom is told")

    assert len(feed.names) == len(set(feed.names))


async def test_a_stream_ends_when_the_instance_does(platform: Platform) -> None:
    """An open stream does not hold up the end of an instance."""
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(platform.instance())
        someone = await stack.enter_async_context(visitor(url))
        await someone.log_in(await link_to(platform, url))
        await stack.enter_async_context(watching(someone, url))
        started = time.monotonic()
        await stack.aclose()

    assert time.monotonic() - started < 15


async def test_a_place_that_is_none_is_refused(platform: Platform, instance: str) -> None:
    """And one from a time of which nothing is left asks the page to look everything up."""
    async with visitor(instance) as someone:
        await someone.log_in(await link_to(platform, instance))
        await someone.get("feed?after=x", Accept="text/event-stream")
        assert someone.status == 400
        someone_elses = Watching(instance, someone.cookies, "1-1")
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(someone_elses.run())
            await eventually(lambda: someone_elses.gaps > 0, "the gap is told")
            reading.cancel()


@pytest.mark.processes
async def test_the_feed_survives_the_instance_that_served_it(platform: Platform, lounge: Lounge) -> None:
    """Another one goes on within five seconds, and what happened meanwhile is told: nothing is missing or twice."""
    first, second, front = free_port(), free_port(), free_port()
    address = f"http://127.0.0.1:{front}"
    strangers = [lounge.sim.add_user(f"Stranger{number}") for number in range(12)]
    for stranger in strangers:
        lounge.sim.join(stranger, lounge.group)
    lounge.sim.forget_updates()
    async with (
        balancer(front, first, second),
        platform.process(first, WEBHOOK_URL=address) as victim,
        platform.process(second, WEBHOOK_URL=address),
        visitor(address) as someone,
    ):
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await someone.log_in(await link_to(platform, address))
        async with watching(someone, address) as feed:
            for stranger in strangers[:6]:
                lounge.sim.say(stranger, lounge.group, "hello")
            await eventually(lambda: feed.told("muted", "Stranger5"), "the feed runs")
            connections = len(feed.opened)
            victim.kill()
            for stranger in strangers[6:]:
                lounge.sim.say(stranger, lounge.group, "hello")
            await eventually(lambda: len(feed.opened) > connections, "the feed is back", within=5)
            await eventually(
                lambda: all(feed.told("muted", stranger.first_name) for stranger in strangers),
                "every mute is told",
                within=30,
            )

        decided = await platform.fetch("SELECT event_id FROM verification_events WHERE outcome = 'muted'")
    assert {f"e{row['event_id']}" for row in decided} <= set(feed.names)
    assert len(feed.names) == len(set(feed.names))
