"""What a study has to show."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bot.utils.optimizer.measuring import Finding
from bot.utils.optimizer.study import CRITICAL, Study

_READ_MS = 10.0
_ANY_MS = 50.0
# Half of what a page of the console may take: most of these are for people who wait for one.
_BY_SIZE_MS = 100.0
_SLOW_GAIN = 0.60
_CRITICAL_GAIN = 0.68
_INDEX_USE = 0.85
_READ_PER_ROW = 1.5
_ANALYZE_GAIN = 0.08
_THROUGHPUT_GAIN = 0.20
_LATENCY_GAIN = 0.15
_REUSE = 0.98


@dataclass(frozen=True, slots=True)
class Target:
    """One claim, and whether it holds."""

    name: str
    wanted: str
    found: str
    is_met: bool


def targets(study: Study) -> Sequence[Target]:
    """Judge a study."""
    bounded = [finding for finding in study.findings if not finding.probe.by_size]
    reads = [finding for finding in bounded if not finding.probe.is_write]
    slowest_read = max(reads, key=lambda finding: finding.times.percentile(0.95))
    slowest = max(bounded, key=lambda finding: finding.times.percentile(0.95))
    slowest_grown = max(
        (finding for finding in study.findings if finding.probe.by_size),
        key=lambda finding: finding.times.percentile(0.95),
    )
    faulty = [finding.probe.statement for finding in study.findings if finding.faults]
    slow = 1 - sum(each.ours_ms for each in study.slow) / max(sum(each.naive_ms for each in study.slow), 0.001)
    worst = min(study.critical, key=lambda each: each.gain)
    critical = [finding for finding in study.findings if finding.probe.statement in CRITICAL]
    dear = [cost.update for cost in study.costs if cost.count > cost.most]
    return (
        Target("bounded reads, p95 of the slowest", f"< {_READ_MS:g} ms", *_times(slowest_read, _READ_MS)),
        Target("bounded statements, p95 of the slowest", f"< {_ANY_MS:g} ms", *_times(slowest, _ANY_MS)),
        Target(
            "statements that grow with the deployment, p95 of the slowest",
            f"< {_BY_SIZE_MS:g} ms",
            *_times(slowest_grown, _BY_SIZE_MS),
        ),
        Target("statements that use their index and bound their reads", "all", *_none(faulty, len(study.findings))),
        Target("slow statements of the naive schema, together", f"-{_SLOW_GAIN:.0%}", *_gain(slow, _SLOW_GAIN)),
        Target(
            f"critical statements, the least gain ({worst.name})",
            f"-{_CRITICAL_GAIN:.0%}",
            *_gain(worst.gain, _CRITICAL_GAIN),
        ),
        Target("critical statements, rows read by an index", f">= {_INDEX_USE:.0%}", *_by_index(critical)),
        Target("critical statements, rows read for one returned, median", f"<= {_READ_PER_ROW:g}", *_read(critical)),
        Target(
            "ANALYZE, statements whose plan it changes, together",
            f"-{_ANALYZE_GAIN:.0%}",
            *_gain(study.analyze_gain, _ANALYZE_GAIN),
        ),
        Target(
            f"pool of {study.pools.best.size} against asyncpg's default, reads a second",
            f"+{_THROUGHPUT_GAIN:.0%}",
            f"{study.pools.throughput_gain:+.0%}",
            study.pools.throughput_gain >= _THROUGHPUT_GAIN,
        ),
        Target(
            f"pool of {study.pools.best.size} against asyncpg's default, latency of reads",
            f"-{_LATENCY_GAIN:.0%}",
            *_gain(study.pools.latency_gain, _LATENCY_GAIN),
        ),
        Target("connections reused", f">= {_REUSE:.0%}", f"{study.reuse:.1%}", study.reuse >= _REUSE),
        Target("kinds of updates within their number of statements", "all", *_none(dear, len(study.costs))),
        Target("indexes that something uses", "all", *_none(list(study.health.unused), len(study.health.indexes))),
        Target("indexes that are missing", "none", *_none([each.statement for each in study.suggestions], 0)),
        Target(
            "invalid and duplicate indexes",
            "none",
            *_none([each.what for each in study.health.troubles if each.what.startswith("index ")], 0),
        ),
    )


def _times(finding: Finding, most: float) -> tuple[str, bool]:
    found = finding.times.percentile(0.95)
    return f"{found:.2f} ms ({finding.probe.statement})", found < most


def _by_index(findings: Sequence[Finding]) -> tuple[str, bool]:
    plans = [plan for finding in findings for plan in finding.plans]
    read = sum(plan.rows_read for plan in plans)
    share = 1 - sum(sum(plan.scanned.values()) for plan in plans) / max(read, 1.0)
    return f"{share:.1%}", share >= _INDEX_USE


def _read(findings: Sequence[Finding]) -> tuple[str, bool]:
    """Judge what reads for a page or a change; a sum over a whole deployment returns a few rows by nature."""
    found = median(plan.read_per_row for each in findings if not each.probe.by_size for plan in each.plans)
    return f"{found:.2f}", found <= _READ_PER_ROW


def _gain(found: float, wanted: float) -> tuple[str, bool]:
    return f"{-found:+.0%}", found >= wanted


def _none(faults: Sequence[str], of: int) -> tuple[str, bool]:
    if not faults:
        return (f"all {of}" if of else "none"), True
    return ", ".join(faults), False
