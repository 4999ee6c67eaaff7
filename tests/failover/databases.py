"""The primary is killed under load, again and again: what is acknowledged, what is lost, and how long it takes.

Two `gmbot serve` behind a balancer, the simulator as Telegram, three nodes under Patroni. Beside the load a writer uses
the same pool as GMBot and notes each commit that was acknowledged.
"""

import asyncio
import itertools
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

import aiohttp

from bot.core.postgres.database import Database, open_database
from bot.core.postgres.migrations import upgrade
from bot.core.postgres.statements import load_statements
from bot.domain.errors import StoreUnavailableError
from tests.failover.cluster import Cluster, Node
from tests.failover.town import Counted, Living, end, living_town, now
from tests.kits.platform import eventually

POSTGRES, HOST = "postgres", "host"
"""What is killed: PostgreSQL alone, or Patroni with it, as when a host dies."""

_WRITERS = 4
_WRITE_PAUSE_SECONDS = 0.02
_RECOVERY_SECONDS = 90.0
_STATEMENTS = {
    **load_statements(),
    "write": "INSERT INTO acknowledged (number) VALUES ($1)",
}
_AUDITED = "SELECT detail FROM audit_log WHERE action = 'primary_changed' ORDER BY audit_id"


@dataclass
class Round:
    """One kill, in seconds from it."""

    killed: str
    promoted: float = 0.0
    """Until another PostgreSQL took changes."""
    noticed: float | None = None
    """Until an instance said that the database is away; None when it was back before."""
    first_write: float = 0.0
    """Until a write that began after the kill was acknowledged."""
    served: float = 0.0
    """Until an instance did not say any more that the database is away."""
    rejoined: float = 0.0
    """Until the killed node was a replica again; from its start, when the host had died."""


@dataclass
class Report:
    """What all rounds came to."""

    rounds: list[Round] = field(default_factory=list)
    writes: int = 0
    writes_lost: int = 0
    counted: Counted = field(default_factory=Counted)
    audited: int = 0
    lag_ms: dict[str, list[float]] = field(default_factory=dict)
    """By the standing of the replica: every sample, sorted, taken between the kills."""

    @property
    def faults(self) -> list[str]:
        """Name what must be nought and is not, and what was not written down."""
        found = self.counted.faults(len(self.rounds))
        if self.writes_lost:
            found.append(f"writes_lost: {self.writes_lost}")
        if self.audited != len(self.rounds):
            found.append(f"{len(self.rounds)} new primaries, {self.audited} lines in the audit")
        return found

    def of(self, killed: str, what: Callable[[Round], float | None]) -> list[float]:
        """Return a figure of the rounds of one kind, sorted."""
        found = [what(each) for each in self.rounds if each.killed == killed]
        return sorted(round(each, 2) for each in found if each is not None)

    def lag(self, standing: str, share: float) -> float:
        """Return a percentile of the lag in milliseconds."""
        samples = self.lag_ms[standing]
        return samples[min(len(samples) - 1, int(len(samples) * share))]


class Writer:
    """Writes all the time through GMBot's own pool; a number counts when its commit was acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = itertools.count()
        self._acknowledged: dict[int, tuple[float, float]] = {}

    async def run(self) -> None:
        """Write until cancelled."""
        async with open_database(self._url, pool_size=_WRITERS, statements=_STATEMENTS) as database:
            await database.execute("write", next(self._numbers))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(database.watch())
                for _ in range(_WRITERS):
                    tasks.create_task(self._write(database))

    async def _write(self, database: Database) -> None:
        for number in self._numbers:
            began = now()
            # One that was not acknowledged may be there or not.
            with suppress(StoreUnavailableError):
                await database.execute("write", number)
                self._acknowledged[number] = began, now()
            await asyncio.sleep(_WRITE_PAUSE_SECONDS)

    def first_since(self, moment: float) -> float | None:
        """Return when the first write was acknowledged that began after a moment."""
        return min((at for began, at in self._acknowledged.values() if began > moment), default=None)

    async def account(self, node: Node) -> tuple[int, int]:
        """Return how many were acknowledged, and how many of these are not there."""
        rows = await node.ask("SELECT number FROM acknowledged", database="gmbot")
        return len(self._acknowledged), len(self._acknowledged.keys() - {row["number"] for row in rows})


class Lag:
    """Samples how far the replicas are behind, as long as nothing is broken."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.calm = False
        self.samples: dict[str, list[float]] = {"synchronous": [], "asynchronous": []}

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            if self.calm:
                for each in await self._cluster.replicas():
                    self.samples["synchronous" if each.synchronous else "asynchronous"].append(each.lag_seconds * 1000)
            await asyncio.sleep(0.1)


@dataclass
class Stage:
    """All that takes part."""

    cluster: Cluster
    living: Living
    writer: Writer
    lag: Lag

    async def strike(self, killed: str) -> Round:
        """Kill the primary, and measure until two replicas follow its successor."""
        found, victim = Round(killed), await self.cluster.until_primary()
        self.lag.calm = False
        began = now()
        if killed == HOST:
            victim.kill()
        else:
            victim.kill_postgres()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._promoted(found, victim, began))
            tasks.create_task(self._served(found, began))
            tasks.create_task(self._written(found, began))
        returned = began
        if killed == HOST:
            returned = now()
            victim.start()
        await self.cluster.until_complete(within=_RECOVERY_SECONDS)
        found.rejoined = now() - returned
        return found

    async def _promoted(self, found: Round, victim: Node, began: float) -> None:
        await self.cluster.until_primary(other_than=victim, within=_RECOVERY_SECONDS)
        found.promoted = now() - began

    async def _written(self, found: Round, began: float) -> None:
        moments: list[float] = []

        def written() -> bool:
            moment = self.writer.first_since(began)
            moments.extend([] if moment is None else [moment])
            return bool(moments)

        await eventually(written, "a write is acknowledged", within=_RECOVERY_SECONDS)
        found.first_write = moments[0] - began

    async def _served(self, found: Round, began: float) -> None:
        async def back() -> bool:
            away = [await is_away(url) for url in self.living.instances]
            if any(away) and found.noticed is None:
                found.noticed = now() - began
            return not any(away) and self.writer.first_since(began) is not None

        await eventually(back, "the instances have the database again", within=_RECOVERY_SECONDS)
        found.served = now() - began


async def is_away(url: str) -> bool:
    """Whether an instance says that PostgreSQL is away."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/metrics", timeout=aiohttp.ClientTimeout(total=5)) as answer:
                return re.search(r"^gmbot_database_away 1", await answer.text(), re.MULTILINE) is not None
        except (aiohttp.ClientError, TimeoutError):
            return False


async def failovers(
    cluster: Cluster, redis_url: str, kinds: Sequence[str], *, rate: float, calm_seconds: float, seed: int
) -> Report:
    """Kill once for each of `kinds`, with so many messages a second, and account for everything."""
    report = Report()
    await upgrade(cluster.url)
    primary = await cluster.until_primary()
    await primary.ask("CREATE TABLE acknowledged (number bigint PRIMARY KEY)", database="gmbot")
    await primary.ask("GRANT ALL ON acknowledged TO gmbot", database="gmbot")
    async with living_town(cluster.url, redis_url, rate=rate, kills=len(kinds), seed=seed) as living:
        stage = Stage(cluster, living, Writer(cluster.url), Lag(cluster))
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(each) for each in (living.live(), stage.writer.run(), stage.lag.run())]
            for killed in kinds:
                stage.lag.calm = True
                await asyncio.sleep(calm_seconds)
                report.rounds.append(await stage.strike(killed))
            stage.lag.calm = True
            await asyncio.sleep(calm_seconds)
            await end(work)
        report.counted = await living.account()
        report.writes, report.writes_lost = await stage.writer.account(await cluster.until_primary())
        report.audited = len(await living.platform.fetch(_AUDITED))
        report.lag_ms = {name: sorted(samples) for name, samples in stage.lag.samples.items()}
    return report


def middle(samples: Sequence[float]) -> float:
    """Return the median, 0 of nothing."""
    return round(median(samples), 2) if samples else 0.0
