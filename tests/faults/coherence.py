"""How soon every instance goes by a change of the configuration."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import aiohttp
import asyncpg

from tests.kits.platform import Lounge, Platform

_GRAIN_SECONDS = 0.005
# A page of metrics takes an instance milliseconds, which are not to be what is measured.
_PAGE_GRAIN_SECONDS = 0.02
_GAUGE = "gmbot_protected_groups "


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
