"""The primary is killed under load, again and again: what is acknowledged, what is lost, and how long it takes.

Two `gmbot serve` behind a balancer, the simulator as Telegram, three nodes under Patroni. Beside the load a writer uses
the same pool as GMBot and notes each commit that was acknowledged.
"""

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

import aiohttp

from bot.core.database import Database, open_database
from bot.core.migrations import upgrade
from bot.domain.errors import StoreUnavailableError
from bot.simulator import Simulator
from tests.failover.cluster import Cluster, Node
from tests.faults.load import Load, Pace
from tests.faults.tally import Tally
from tests.faults.town import Town, build
from tests.platform import Platform, balancer, eventually, free_port

POSTGRES, HOST = "postgres", "host"
"""What is killed: PostgreSQL alone, or Patroni with it, as when a host dies."""

_INSTANCES = 2
_GROUPS = 20
_MEMBERS = 40
_WRITERS = 4
_WRITE_PAUSE_SECONDS = 0.02
_PULSE_SECONDS = 0.05
_RECOVERY_SECONDS = 90.0
_SETTLE_SECONDS = 90.0
_STATEMENTS = {
    "ping": "SELECT current_setting('transaction_read_only')::boolean AS read_only",
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
    messages: int = 0
    updates: int = 0
    updates_lost: int = 0
    strangers: int = 0
    cases_missing: int = 0
    cases_open: int = 0
    effects_missing: int = 0
    mutes_doubled: int = 0
    prompts_doubled: int = 0
    wrong_mutes: int = 0
    dead_letters: int = 0
    audited: int = 0
    lag_ms: dict[str, list[float]] = field(default_factory=dict)
    """By the standing of the replica: every sample, sorted, taken between the kills."""

    @property
    def faults(self) -> list[str]:
        """Name what must be nought and is not, and what was not written down."""
        nought = (
            "writes_lost",
            "updates_lost",
            "cases_missing",
            "cases_open",
            "effects_missing",
            "mutes_doubled",
            "wrong_mutes",
            "dead_letters",
        )
        found = [f"{name}: {getattr(self, name)}" for name in nought if getattr(self, name)]
        if self.audited != len(self.rounds):
            found.append(f"{len(self.rounds)} new primaries, {self.audited} lines in the audit")
        if self.prompts_doubled > len(self.rounds):
            found.append(f"prompts_doubled: {self.prompts_doubled}")
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
            began = _now()
            # One that was not acknowledged may be there or not.
            with suppress(StoreUnavailableError):
                await database.execute("write", number)
                self._acknowledged[number] = began, _now()
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
class Theatre:
    """All that takes part."""

    cluster: Cluster
    platform: Platform
    town: Town
    tally: Tally
    load: Load
    writer: Writer
    lag: Lag
    instances: Sequence[str]

    async def strike(self, killed: str) -> Round:
        """Kill the primary, and measure until two replicas follow its successor."""
        found, victim = Round(killed), await self.cluster.until_primary()
        self.lag.calm = False
        began = _now()
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
            returned = _now()
            victim.start()
        await self.cluster.until_complete(within=_RECOVERY_SECONDS)
        found.rejoined = _now() - returned
        return found

    async def _promoted(self, found: Round, victim: Node, began: float) -> None:
        await self.cluster.until_primary(other_than=victim, within=_RECOVERY_SECONDS)
        found.promoted = _now() - began

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
            away = [await is_away(url) for url in self.instances]
            if any(away) and found.noticed is None:
                found.noticed = _now() - began
            return not any(away) and self.writer.first_since(began) is not None

        await eventually(back, "the instances have the database again", within=_RECOVERY_SECONDS)
        found.served = _now() - began


async def is_away(url: str) -> bool:
    """Whether an instance says that PostgreSQL is away."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/metrics", timeout=aiohttp.ClientTimeout(total=5)) as answer:
                return re.search(r"^gmbot_database_away 1", await answer.text(), re.MULTILINE) is not None
        except (aiohttp.ClientError, TimeoutError):
            return False


@asynccontextmanager
async def theatre(cluster: Cluster, redis_url: str, *, pace: Pace, seed: int) -> AsyncIterator[Theatre]:
    """Bring up two instances and a town."""
    async with AsyncExitStack() as stack:
        await upgrade(cluster.url)
        primary = await cluster.until_primary()
        await primary.ask("CREATE TABLE acknowledged (number bigint PRIMARY KEY)", database="gmbot")
        await primary.ask("GRANT ALL ON acknowledged TO gmbot", database="gmbot")
        sim, port = Simulator(seed=seed), free_port()
        await stack.enter_async_context(sim.serving())
        town = build(sim, groups=_GROUPS, members=_MEMBERS, strangers=pace.strangers_needed)
        platform = Platform(sim, cluster.url, redis_url, town.bot)
        changes = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"}
        ports = [free_port() for _ in range(_INSTANCES)]
        for each in ports:
            await stack.enter_async_context(platform.process(each, **changes))
        await stack.enter_async_context(balancer(port, *ports, in_turn=True))
        await platform.webhook_is_set()
        await sim.settled(30)
        await town.protect(platform)
        await town.rehearse()
        tally = Tally(town)
        load = Load(town, pace, tally, random.Random(seed))
        urls = [f"http://127.0.0.1:{each}" for each in ports]
        yield Theatre(cluster, platform, town, tally, load, Writer(cluster.url), Lag(cluster), urls)


async def failovers(
    cluster: Cluster, redis_url: str, kinds: Sequence[str], *, rate: float, calm_seconds: float, seed: int
) -> Report:
    """Kill once for each of `kinds`, with so many messages a second, and account for everything."""
    pace = Pace(seconds=3600, rate=rate, strangers=0.1)
    async with theatre(cluster, redis_url, pace=_enough(pace, len(kinds)), seed=seed) as stage:
        report = Report()
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(each) for each in (stage.load.run(_ignore), stage.writer.run(), stage.lag.run())]
            for killed in kinds:
                stage.lag.calm = True
                await asyncio.sleep(calm_seconds)
                report.rounds.append(await stage.strike(killed))
            stage.lag.calm = True
            await asyncio.sleep(calm_seconds)
            for each in work:
                each.cancel()
        await stage.load.settle(_SETTLE_SECONDS)
        await _account(stage, report)
    return report


def _enough(pace: Pace, rounds: int) -> Pace:
    """Have strangers for as long as this may take."""
    return Pace(seconds=60 + 60 * rounds, rate=pace.rate, strangers=pace.strangers)


async def _account(stage: Theatre, report: Report) -> None:
    tally, platform = stage.tally, stage.platform
    primary = await stage.cluster.until_primary()
    report.writes, report.writes_lost = await stage.writer.account(primary)
    counts = tally.counts
    report.messages, report.updates, report.updates_lost = counts.messages, counts.updates, tally.lost
    report.effects_missing, report.wrong_mutes = tally.effects_missing, counts.wrong_mutes
    report.mutes_doubled, report.prompts_doubled = counts.effects_doubled["mute"], counts.effects_doubled["prompt"]
    spoke = {each.user.id for each in stage.town.strangers if each.spoke_at}
    known = {row["user_id"] for row in await platform.fetch("SELECT user_id FROM restrictions")}
    report.strangers, report.cases_missing = len(spoke), len(spoke - known)
    report.cases_open = len(await platform.open_cases())
    report.dead_letters = len(await platform.fetch("SELECT 1 FROM dead_letters"))
    report.audited = len(await platform.fetch(_AUDITED))
    report.lag_ms = {name: sorted(samples) for name, samples in stage.lag.samples.items()}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ignore(_: float) -> None:
    """Nobody watches."""


def middle(samples: Sequence[float]) -> float:
    """Return the median, 0 of nothing."""
    return round(median(samples), 2) if samples else 0.0
