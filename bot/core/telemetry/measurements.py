"""What this process has counted, read back for people: counters, and percentiles out of histograms."""

from collections.abc import Sequence

from bot.core.telemetry.metrics import Metrics
from bot.domain.measurement import Count, Measurements, Timing

_TIMED = ("gmbot_update_duration_seconds", "gmbot_telegram_request_duration_seconds", "gmbot_db_query_duration_seconds")


def measure(metrics: Metrics) -> Measurements:
    """Read everything as it is now."""
    timings: dict[str, list[Timing]] = {name: [] for name in _TIMED}
    counts: list[Count] = []
    for family in metrics.families():
        if family.name in timings:
            buckets: dict[str, list[tuple[float, float]]] = {}
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    label = next(value for name, value in sample.labels.items() if name != "le")
                    buckets.setdefault(label, []).append((float(sample.labels["le"]), sample.value))
            timings[family.name] = [_timing(label, steps) for label, steps in buckets.items()]
        elif family.type in {"counter", "gauge"}:
            counts += [Count(sample.name, tuple(sample.labels.items()), sample.value) for sample in family.samples]
    updates, calls, statements = (sorted(timings[name], key=lambda timing: -timing.count) for name in _TIMED)
    return Measurements(tuple(updates), tuple(calls), tuple(statements), tuple(counts))


def _timing(label: str, steps: Sequence[tuple[float, float]]) -> Timing:
    total = steps[-1][1]
    return Timing(label, round(total), *(_quantile(steps, total, part) for part in (0.5, 0.95, 0.99)))


def _quantile(steps: Sequence[tuple[float, float]], total: float, part: float) -> float:
    """Return the end of the step in which this part of all is reached, in milliseconds."""
    finite = [bound for bound, _ in steps if bound != float("inf")]
    return next((bound for bound, reached in steps if reached >= part * total and bound in finite), finite[-1]) * 1000
