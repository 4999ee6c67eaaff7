"""Which PostgreSQL writes, and who follows it: shown, and written down when it becomes another one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database
from bot.domain.errors import StoreUnavailableError

_PAUSE_SECONDS = 1.0

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Primary:
    """A primary from its promotion on. `timeline` is another one after each promotion, wherever the address leads."""

    system: int
    timeline: int
    address: str


@dataclass(frozen=True, slots=True)
class Replica:
    """Who follows the primary. Without the role pg_monitor its state is not visible: `standing` is None."""

    name: str
    standing: str | None
    lag_seconds: float

    @property
    def synchronous(self) -> bool:
        """Whether a commit waits for it."""
        return self.standing in {"sync", "quorum"}


async def primary_of(database: Database) -> Primary | None:
    """Ask PostgreSQL which primary it is; None when it is a standby."""
    row = await database.row("primary_identity")
    return None if row is None else Primary(row["system_identifier"], row["timeline"], row["address"])


async def replicas_of(database: Database) -> Sequence[Replica]:
    """Ask the primary who follows it."""
    return [Replica(row["name"], row["sync_state"], row["lag"]) for row in await database.rows("replicas")]


class PrimaryWatch(Collector):
    """Looks each second. The audit gets a line for each primary after the first, however many instances see it."""

    def __init__(self, *, database: Database, clock: SystemClock) -> None:
        self._database = database
        self._clock = clock
        self._primary: Primary | None = None
        self._replicas: Sequence[Replica] = ()
        self._changes = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self._look()
            except StoreUnavailableError:
                # Who follows is not known; the primary may be the same one afterwards.
                self._replicas = ()
            await self._clock.sleep(_PAUSE_SECONDS)

    async def _look(self) -> None:
        found = await primary_of(self._database)
        if found is not None and found != self._primary:
            await self._database.execute("note_primary", found.system, found.timeline, found.address)
            if self._primary is not None:
                self._changes += 1
                log.warning(
                    "database.primary_changed",
                    timeline=found.timeline,
                    address=found.address,
                    former_timeline=self._primary.timeline,
                    former_address=self._primary.address,
                )
            self._primary = found
        self._replicas = await replicas_of(self._database)

    def collect(self) -> Iterator[Metric]:
        """Hand out what was seen last."""
        changes = CounterMetricFamily("gmbot_database_primary_changes", "How often the primary became another one.")
        changes.add_metric([], self._changes)
        yield changes
        following = GaugeMetricFamily("gmbot_replicas", "Replicas that follow the primary.", labels=["standing"])
        for standing, synchronous in (("synchronous", True), ("asynchronous", False)):
            following.add_metric([standing], sum(each.synchronous is synchronous for each in self._replicas))
        yield following
        lag = GaugeMetricFamily("gmbot_replication_lag_seconds", "How far a replica is behind.", labels=["replica"])
        for each in self._replicas:
            if each.standing is not None:
                lag.add_metric([each.name], each.lag_seconds)
        yield lag
