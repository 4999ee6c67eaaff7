"""Times and plans of statements."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

import asyncpg

from bot.core.clock import SystemClock
from bot.core.postgres.statements import load_statements
from bot.utils.optimizer.connecting import Connection
from bot.utils.optimizer.explain import Plan, explain, parents_of_indexes
from bot.utils.optimizer.samples import Sample
from bot.utils.optimizer.workload import Probe, probes

_WARM_UP = 5
_LEAST = 3
_PLANS = 3
_PAGE = 30
_PATIENCE_MS = 2_000.0


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds from asking to having all rows, on one connection."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The average."""
        return fmean(self.values)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return pstdev(self.values)

    def percentile(self, share: float) -> float:
        """Return the time that this share of the sorted times does not exceed."""
        ordered = sorted(self.values)
        return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was measured of one statement."""

    probe: Probe
    times: Times
    plans: tuple[Plan, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """What is not as the probe asks."""
        found = {
            f"does not use {index}"
            for plan in self.plans
            for index in self.probe.indexes
            if plan.indexes.isdisjoint(index.split("|")) and not _excused(plan, index)
        }
        for plan in self.plans:
            most = self.probe.spare + self.probe.read_per_row * max(plan.rows_out, 1.0)
            if plan.rows_read > most:
                found.add(f"reads {plan.rows_read:.0f} rows for {plan.rows_out:.0f}")
        return tuple(sorted(found))

    @property
    def rows_read(self) -> float:
        """Rows read, on average."""
        return fmean(plan.rows_read for plan in self.plans)

    @property
    def rows_out(self) -> float:
        """Rows returned or changed, on average."""
        return fmean(plan.rows_out for plan in self.plans)


def _excused(plan: Plan, index: str) -> bool:
    """Whether the table was read from end to end, and yet no more than a page of it: it is as good as empty."""
    return any(index.startswith(table) and rows <= _PAGE for table, rows in plan.scanned.items())


class Laboratory:
    """Runs statements on one connection. Whatever they write is rolled back."""

    def __init__(self, connection: Connection, samples: Sequence[Sample], *, clock: SystemClock) -> None:
        self._connection = connection
        self._samples = samples
        self._clock = clock
        self._statements = load_statements()
        self._probes = {probe.statement: probe for probe in probes()}

    async def examine(self, probe: Probe, *, runs: int, seconds: float = 5.0) -> Finding:
        """Measure a statement and explain it a few times; `seconds` bound the measurement."""
        times = await self.time(probe, runs=runs, seconds=seconds)
        return Finding(probe, times, await self.plans(probe))

    async def plans(self, probe: Probe) -> tuple[Plan, ...]:
        """Explain a statement for a few samples."""
        parents = await parents_of_indexes(self._connection)
        return tuple([await self._explained(probe, sample, parents) for sample in self._samples[:_PLANS]])

    async def time(self, probe: Probe, *, runs: int, seconds: float = 5.0) -> Times:
        """Measure a statement, warm."""
        for number in range(_WARM_UP):
            spent = await self._once(probe, self._samples[number % len(self._samples)])
            if spent > seconds * 1_000:
                return Times((spent,))
        end = self._clock.monotonic() + seconds
        taken: list[float] = []
        for number in range(runs):
            taken.append(await self._once(probe, self._samples[number % len(self._samples)]))
            if number >= _LEAST and self._clock.monotonic() > end:
                break
        return Times(tuple(taken))

    async def time_without_indexes(self, probe: Probe, *, seconds: float) -> Times | None:
        """Measure a statement where it may take for ever; None where it cannot run.

        An upsert wants the index that it goes by.
        """
        await self._connection.execute(f"SET statement_timeout = {_PATIENCE_MS:.0f}")
        try:
            return await self.time(probe, runs=20, seconds=seconds)
        except asyncpg.QueryCanceledError:
            return Times((_PATIENCE_MS,))
        except (asyncpg.InvalidColumnReferenceError, asyncpg.PostgresSyntaxError):
            return None

    async def _once(self, probe: Probe, sample: Sample) -> float:
        text = self._statements[probe.statement]
        if not probe.is_write:
            began = self._clock.monotonic()
            await self._connection.fetch(text, *probe.values(sample))
            return (self._clock.monotonic() - began) * 1_000
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            await self._make_ground(probe, sample)
            began = self._clock.monotonic()
            await self._connection.fetch(text, *probe.values(sample))
            return (self._clock.monotonic() - began) * 1_000
        finally:
            await transaction.rollback()

    async def _explained(self, probe: Probe, sample: Sample, parents: Mapping[str, str]) -> Plan:
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            await self._make_ground(probe, sample)
            return await explain(self._connection, self._statements[probe.statement], probe.values(sample), parents)
        finally:
            await transaction.rollback()

    async def _make_ground(self, probe: Probe, sample: Sample) -> None:
        if probe.before is not None:
            ground = self._probes[probe.before]
            await self._connection.fetch(self._statements[ground.statement], *ground.values(sample))
