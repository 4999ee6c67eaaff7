"""How soon every instance goes by a change of the configuration, or of a membership."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import aiohttp
import asyncpg

from tests.kits.ingress import secret_of
from tests.kits.platform import Lounge, Platform, eventually

_GRAIN_SECONDS = 0.005
# A page of metrics takes an instance milliseconds, which are not to be what is measured.
_PAGE_GRAIN_SECONDS = 0.02
_GAUGE = "gmbot_protected_groups "
_PASSED = 'gmbot_updates_total{kind="message",result="verified"}'


class Clocks:
    """Watches the counter in PostgreSQL, and the gauges of instances."""

    def __init__(self, platform: Platform, urls: Sequence[str]) -> None:
        self._platform = platform
        self._urls = urls

    async def delays(self, lounge: Lounge, changes: int) -> list[list[float]]:
        """Protect and unprotect a group in turn; return for each instance the seconds from the commit of each change.

        The commit is taken to be at the last look that did not see it, so no delay is told too short.
        """
        found: list[list[float]] = [[] for _ in self._urls]
        connection = await asyncpg.connect(self._platform.database_url)
        async with aiohttp.ClientSession() as http:
            for number in range(changes):
                wanted = number % 2 == 0
                command = f"/protect @{lounge.news.username}" if wanted else "/unprotect"
                waiting = [asyncio.create_task(self._until(http, url, wanted=wanted)) for url in self._urls]
                began = asyncio.create_task(self._changed(connection))
                await asyncio.sleep(0.05)
                lounge.sim.say(lounge.owner, lounge.group, command)
                changed = await began
                for delays, seen in zip(found, await asyncio.gather(*waiting), strict=True):
                    delays.append(max(0.0, seen - changed))
                await lounge.sim.settled(30)
        await connection.close()
        return found

    async def _changed(self, connection: "asyncpg.Connection[asyncpg.Record]") -> float:
        """Wait for a change; return when it was certainly not committed yet."""
        loop = asyncio.get_running_loop()
        before = await connection.fetchval("SELECT seq FROM config_counter")
        last = loop.time()
        while True:
            looked = loop.time()
            if await connection.fetchval("SELECT seq FROM config_counter") != before:
                return last
            last = looked
            await asyncio.sleep(_GRAIN_SECONDS)

    async def _until(self, http: aiohttp.ClientSession, url: str, *, wanted: bool) -> float:
        """Wait until an instance protects the group, or does not; return when it was seen."""
        while True:
            with suppress(aiohttp.ClientError):
                async with http.get(f"{url}/metrics") as answer:
                    lines = (await answer.text()).splitlines()
                    if f"{_GAUGE}{float(wanted)}" in lines:
                        return asyncio.get_running_loop().time()
            await asyncio.sleep(_PAGE_GRAIN_SECONDS)


class Memories:
    """Has the lounge's member write to each instance, and sees from its counters whether its memory let them pass.

    A message that passes leaves no trace, so it may be written as often as one likes.
    """

    def __init__(self, lounge: Lounge, urls: Sequence[str]) -> None:
        self._lounge = lounge
        self._urls = urls
        # Far beyond those of the simulator.
        self._numbers = itertools.count(1_500_000_000)

    async def know(self) -> None:
        """Wait until each holds the member in its memory."""
        for url in self._urls:
            await eventually(partial(self.passes, url), "the member is known", within=30)

    async def passes(self, url: str) -> bool:
        """Whether the member passes the gate of an instance without a question to anybody."""
        before = await self._verified(url)
        number = next(self._numbers)
        group, member = self._lounge.group, self._lounge.member
        message = {
            "message_id": number,
            "date": int(time.time()),
            "chat": {"id": group.id, "type": "supergroup", "title": group.title},
            "from": {"id": member.id, "is_bot": False, "first_name": member.first_name},
            "text": "Good morning",
        }
        bot = self._lounge.bot.id
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret_of(bot)}
        async with aiohttp.ClientSession() as http:
            update = {"update_id": number, "message": message}
            async with http.post(f"{url}/telegram/{bot}", json=update, headers=headers) as answer:
                await answer.read()
        return await self._verified(url) > before

    async def turns(self, count: int) -> list[float]:
        """Have the member leave and join again; return the seconds from Telegram's answer to the slowest instance."""
        slowest: list[float] = []
        sim, member, news = self._lounge.sim, self._lounge.member, self._lounge.news
        await self.know()
        for _ in range(count):
            sim.leave(member, news)
            await sim.settled(30)
            slowest.append(max(await self.seconds_until(passes=False)))
            sim.join(member, news)
            await sim.settled(30)
            slowest.append(max(await self.seconds_until(passes=True)))
        return slowest

    async def seconds_until(self, *, passes: bool) -> list[float]:
        """Return for each instance how long from now it takes until the member passes there, or does not."""
        began = asyncio.get_running_loop().time()

        async def until(url: str) -> float:
            while await self.passes(url) is not passes:
                """Each look is a message and two pages of metrics, which is pause enough."""
            return asyncio.get_running_loop().time() - began

        async with asyncio.timeout(30):
            return list(await asyncio.gather(*map(until, self._urls)))

    async def _verified(self, url: str) -> float:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(_PASSED))
