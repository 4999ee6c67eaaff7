"""The whole examination in a laboratory of one's own: what indexes, statistics and pools are worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from bot.core.clock import SystemClock
from bot.core.postgres.migrations import upgrade
from bot.core.postgres.statements import load_statements
from bot.utils.optimizer.advice import Suggestion, suggestions
from bot.utils.optimizer.connecting import Connection, connected
from bot.utils.optimizer.counting import query_ids
from bot.utils.optimizer.explain import Plan
from bot.utils.optimizer.health import Health, health
from bot.utils.optimizer.lab import Lab, laboratory
from bot.utils.optimizer.measuring import Finding, Laboratory
from bot.utils.optimizer.pools import FEW_SIZES, SIZES, Sweep, reuse, sweep
from bot.utils.optimizer.samples import Sample, take_samples
from bot.utils.optimizer.scale import Scale
from bot.utils.optimizer.traffic import Cost, costs
from bot.utils.optimizer.workload import Probe, probes

# The five of which the platform lives, as their table says: events of a group and of a user, a user's cases, the bots,
# and a change of state. Saving an event is compared as it is done: in a batch, and one at a time.
CRITICAL = ("get_group_events", "get_user_events", "get_user_history", "bot_summaries", "case_did")
_SAMPLES = 60
_SLOW_MS = 5.0
_BATCH = 100
_TURNS = 6

Say = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    runs: int
    naive_seconds: float
    pool_sizes: tuple[int, ...]
    pool_seconds: float
    pool_rounds: int


QUICK = Effort(runs=60, naive_seconds=0.3, pool_sizes=FEW_SIZES, pool_seconds=0.4, pool_rounds=2)
FULL = Effort(runs=300, naive_seconds=1.0, pool_sizes=SIZES, pool_seconds=1.0, pool_rounds=5)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A statement with GMBot's indexes and without any, by the medians."""

    name: str
    ours_ms: float
    naive_ms: float

    @property
    def gain(self) -> float:
        """The share of the time that is saved."""
        return 1 - self.ours_ms / self.naive_ms


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that was found."""

    scale: Scale
    findings: Sequence[Finding]
    replanned: Sequence[Comparison]
    """What is planned differently after ANALYZE; before it is `naive`."""
    comparisons: Sequence[Comparison]
    saving: Comparison
    pools: Sweep
    pools_of_updates: Sweep
    reuse: float
    costs: Sequence[Cost]
    health: Health
    suggestions: Sequence[Suggestion]
    unexamined: Sequence[str]

    @property
    def slow(self) -> Sequence[Comparison]:
        """What is slow without indexes."""
        return [each for each in self.comparisons if each.naive_ms > _SLOW_MS]

    @property
    def critical(self) -> Sequence[Comparison]:
        """The five, and saving."""
        return [*(each for each in self.comparisons if each.name in CRITICAL), self.saving]

    @property
    def analyze_gain(self) -> float:
        """The share of the time of all statements together whose plan current statistics change."""
        before = sum(each.naive_ms for each in self.replanned)
        return 1 - sum(each.ours_ms for each in self.replanned) / before if before else 0.0


async def study(scale: Scale, effort: Effort, *, say: Say) -> Study:
    """Seed, measure, compare. Raises EmbeddedUnavailableError where no embedded server can run."""
    clock = SystemClock()
    async with laboratory(scale, progress=say) as lab:
        say("indexes", 0)
        await lab.make_indexes()
        await lab.analyze()
        async with connected(lab.database_url) as connection, connected(lab.stale_url) as without_statistics:
            samples = await take_samples(connection, _SAMPLES)
            bench = Laboratory(connection, samples, clock=clock)
            say("statements", 0)
            findings = [await bench.examine(probe, runs=effort.runs, seconds=3) for probe in known_probes()]
            say("before and after ANALYZE", 0)
            stale = Laboratory(without_statistics, samples, clock=clock)
            replanned = await _replanned(stale, bench, findings, effort)
            saving = await _saving(connection, samples, clock)
            say("without indexes", 0)
            comparisons = await _compare(lab, samples, findings, effort, clock)
            say("pools", 0)
            pools = [
                await sweep(
                    lab.database_url,
                    samples,
                    kind,
                    sizes=effort.pool_sizes,
                    seconds=effort.pool_seconds,
                    rounds=effort.pool_rounds,
                    clock=clock,
                )
                for kind in ("reads", "updates")
            ]
            say("updates", 0)
            paid = await _costs(lab, clock)
            return Study(
                scale,
                findings,
                replanned,
                comparisons,
                saving,
                pools[0],
                pools[1],
                await reuse(lab.database_url),
                paid,
                _as_it_will_be(await health(connection)),
                await suggestions(connection),
                unexamined(),
            )


def _as_it_will_be(state: Health) -> Health:
    """Leave out that autovacuum is off: it is off so that nothing but the measurements runs."""
    troubles = [trouble for trouble in state.troubles if trouble.what != "autovacuum is off"]
    return replace(state, troubles=troubles)


def known_probes() -> Sequence[Probe]:
    """Return the probes whose statement this release has."""
    statements = load_statements()
    return [probe for probe in probes() if probe.statement in statements]


def unexamined() -> Sequence[str]:
    """Return statements without values to try; advice still looks at their plans for unknown values."""
    return sorted(load_statements().keys() - {probe.statement for probe in probes()})


async def _replanned(
    stale: Laboratory, bench: Laboratory, findings: Sequence[Finding], effort: Effort
) -> list[Comparison]:
    """Compare the statements that PostgreSQL plans differently with statistics: the rest can only be noise.

    In turn and by the medians of all turns, so that what else the machine does concerns both alike.
    """
    found: list[Comparison] = []
    for finding in findings:
        old = await stale.plans(finding.probe)
        if finding.probe.by_size or _shapes(old) == _shapes(finding.plans):
            continue
        before, after = list[float](), list[float]()
        for _ in range(_TURNS):
            before += (await stale.time(finding.probe, runs=effort.runs // _TURNS, seconds=1)).values
            after += (await bench.time(finding.probe, runs=effort.runs // _TURNS, seconds=1)).values
        found.append(Comparison(finding.probe.statement, median(after), median(before)))
    return found


def _shapes(plans: Sequence[Plan]) -> list[tuple[object, object]]:
    return [(plan.shape, plan.indexes) for plan in plans]


async def _compare(
    lab: Lab, samples: Sequence[Sample], findings: Sequence[Finding], effort: Effort, clock: SystemClock
) -> list[Comparison]:
    found: list[Comparison] = []
    async with connected(lab.naive_url) as connection:
        naive = Laboratory(connection, samples, clock=clock)
        for finding in findings:
            times = await naive.time_without_indexes(finding.probe, seconds=effort.naive_seconds)
            if times is not None:
                found.append(Comparison(finding.probe.statement, finding.times.percentile(0.5), times.percentile(0.5)))
    return found


async def _saving(connection: Connection, samples: Sequence[Sample], clock: SystemClock) -> Comparison:
    """Write events by the hundred, as sightings are, against one statement and one commit each."""
    text = load_statements()["save_event"]
    values: Sequence[tuple[object, ...]] = [
        (*_who(sample), "passed", "first_sight", []) for sample in samples for _ in range(2)
    ][:_BATCH]
    await connection.fetch(text, *values[0])
    one: list[float] = []
    for each in values:
        began = clock.monotonic()
        await connection.fetch(text, *each)
        one.append((clock.monotonic() - began) * 1_000)
    many: list[float] = []
    columns = [list(column) for column in zip(*(each[:3] for each in values), strict=True)]
    for _ in range(5):
        began = clock.monotonic()
        await connection.fetch(
            "INSERT INTO verification_events (bot_id, group_id, user_id, outcome, detail)"
            " SELECT *, 'passed', 'first_sight' FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])",
            *columns,
        )
        many.append((clock.monotonic() - began) * 1_000 / len(values))
    return Comparison("save_event, in a batch and alone", fmean(many), fmean(one))


def _who(sample: Sample) -> tuple[object, object, object]:
    return sample.event["bot_id"], sample.event["group_id"], sample.event["user_id"]


async def _costs(lab: Lab, clock: SystemClock) -> list[Cost]:
    url = lab.named("gmbot")
    await upgrade(url)
    async with connected(url) as connection:
        names = await query_ids(connection)
        return await costs(connection, names, database_url=url, redis_url=lab.redis_url, clock=clock)
