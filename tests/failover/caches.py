"""The Redis of a deployment is killed under load, again and again, and Sentinel promotes another one."""

import asyncio
import itertools
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
from redis.exceptions import RedisError

from bot.core.redis.connection import open_redis
from tests.failover.town import Counted, Living, end, living_town, now
from tests.failover.watched import Watched
from tests.kits.platform import eventually

_AWAY = (RedisError, OSError, TimeoutError)
_WRITE_SECONDS = 0.5
_WRITE_PAUSE_SECONDS = 0.02
_RECOVERY_SECONDS = 60.0


@dataclass
class Round:
    """One kill, in seconds from it."""

    first_write: float = 0.0
    """Until a write that began after the kill was acknowledged."""
    deaf: float = 0.0
    """Until an instance said that it does not hear the others any more."""
    hearing: float = 0.0
    """Until all instances heard each other again, through the new primary."""
    rejoined: float = 0.0
    """From the start of the killed one until two replicas followed the new primary."""


@dataclass
class Report:
    """What all rounds came to."""

    rounds: list[Round] = field(default_factory=list)
    writes: int = 0
    writes_lost: int = 0
    """Replication is asynchronous: what was acknowledged in the last moment may be gone."""
    counted: Counted = field(default_factory=Counted)

    @property
    def faults(self) -> list[str]:
        """Name what must be nought and is not."""
        return self.counted.faults(len(self.rounds))

    def of(self, what: Callable[[Round], float]) -> list[float]:
        """Return a figure of all rounds, sorted."""
        return sorted(round(what(each), 2) for each in self.rounds)


class Writer:
    """Writes all the time through GMBot's own client."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._acknowledged: dict[int, tuple[float, float]] = {}

    async def run(self) -> None:
        """Write until cancelled."""
        async with open_redis(self._url) as redis:
            for number in itertools.count():
                began = now()
                with suppress(*_AWAY):
                    async with asyncio.timeout(_WRITE_SECONDS):
                        await redis.set(f"written:{number}", number)
                    self._acknowledged[number] = began, now()
                await asyncio.sleep(_WRITE_PAUSE_SECONDS)

    def first_since(self, moment: float) -> float | None:
        """Return when the first write was acknowledged that began after a moment."""
        return min((at for began, at in self._acknowledged.values() if began > moment), default=None)

    async def account(self) -> tuple[int, int]:
        """Return how many were acknowledged, and how many of these are not there."""
        async with open_redis(self._url) as redis:
            found = await redis.mget([f"written:{each}" for each in self._acknowledged])
        return len(self._acknowledged), found.count(None)


@dataclass
class Stage:
    """All that takes part."""

    watched: Watched
    living: Living
    writer: Writer

    async def strike(self) -> Round:
        """Kill the primary, and measure until all is as before."""
        found, victim = Round(), await self.watched.primary()
        began = now()
        victim.kill()
        await eventually(self._deaf, "an instance notices", within=_RECOVERY_SECONDS)
        found.deaf = now() - began
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._written(found, began))
            tasks.create_task(self._hearing(found, began))
        returned = now()
        self.watched.restart(victim)
        await self.watched.until_complete(within=_RECOVERY_SECONDS)
        found.rejoined = now() - returned
        return found

    async def _written(self, found: Round, began: float) -> None:
        await eventually(
            lambda: self.writer.first_since(began) is not None, "a write is acknowledged", within=_RECOVERY_SECONDS
        )
        found.first_write = (self.writer.first_since(began) or began) - began

    async def _hearing(self, found: Round, began: float) -> None:
        async def all_hear() -> bool:
            return all([await hears(url) for url in self.living.instances])

        await eventually(all_hear, "all instances hear each other", within=_RECOVERY_SECONDS)
        found.hearing = now() - began

    async def _deaf(self) -> bool:
        return not all([await hears(url) for url in self.living.instances])


async def hears(url: str) -> bool:
    """Whether an instance says that it hears the others."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/metrics", timeout=aiohttp.ClientTimeout(total=5)) as answer:
                return re.search(r"^gmbot_redis_connected 1", await answer.text(), re.MULTILINE) is not None
        except (aiohttp.ClientError, TimeoutError):
            return False


async def failovers(
    watched: Watched, database_url: str, kills: int, *, rate: float, calm_seconds: float, seed: int
) -> Report:
    """Kill so often, with so many messages a second, and account for everything."""
    report = Report()
    async with living_town(database_url, watched.url, rate=rate, kills=kills, seed=seed) as living:
        stage = Stage(watched, living, Writer(watched.url))
        async with asyncio.TaskGroup() as tasks:
            work: Sequence[asyncio.Task[None]] = [
                tasks.create_task(each) for each in (living.live(), stage.writer.run())
            ]
            for _ in range(kills):
                await asyncio.sleep(calm_seconds)
                report.rounds.append(await stage.strike())
            await asyncio.sleep(1)
            await end(work)
        report.counted = await living.account()
        report.writes, report.writes_lost = await stage.writer.account()
    return report
