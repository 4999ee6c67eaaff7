"""Counters that cost an integer on the hot path, handed to Prometheus when it asks."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from bot.core.telemetry.histogram import Histogram

Labels = tuple[str, ...]


class Metrics(Collector):
    """All counters of this process. No label ever holds an id."""

    def __init__(self, *, build: Mapping[str, str]) -> None:
        self._build = build
        self._updates: Counter[Labels] = Counter()
        self._lookups: Counter[Labels] = Counter()
        self._verifications: Counter[Labels] = Counter()
        self._cases: Counter[Labels] = Counter()
        self._effects: Counter[Labels] = Counter()
        self._reconciled: Counter[Labels] = Counter()
        self._gauges: dict[str, tuple[str, dict[tuple[tuple[str, str], ...], Callable[[], float]]]] = {}
        self._durations = (
            Histogram(name="gmbot_update_duration_seconds", text="Time of updates beyond the gate.", label="kind"),
            Histogram(name="gmbot_db_query_duration_seconds", text="Time that statements took.", label="query"),
            Histogram(
                name="gmbot_verification_duration_seconds",
                text="Time until an answer about membership that this process did not have.",
                label="source",
            ),
        )
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def update(self, kind: str, result: str) -> None:
        """Count an update by its kind and what became of it."""
        self._updates[kind, result] += 1

    def took(self, kind: str, seconds: float) -> None:
        """Count how long an update took that the gate did not settle."""
        self._durations[0].observe(kind, seconds)

    def queried(self, statement: str, seconds: float) -> None:
        """Count how long a statement took."""
        self._durations[1].observe(statement, seconds)

    def looked_up(self, layer: str, *, hits: int, misses: int) -> None:
        """Count what a layer of the cache knew, and did not, of what was asked beyond the gate."""
        self._lookups[layer, "hit"] += hits
        self._lookups[layer, "miss"] += misses

    def verified(self, outcome: str, source: str, seconds: float) -> None:
        """Count an answer about membership by what it was and where it came from, and how long it took."""
        self._verifications[outcome, source] += 1
        self._durations[2].observe(source, seconds)

    def case_closed(self, outcome: str) -> None:
        """Count how a case ended."""
        self._cases[(outcome,)] += 1

    def effect(self, kind: str, result: str) -> None:
        """Count something done, or not done, in Telegram."""
        self._effects[kind, result] += 1

    def reconciled(self, difference: str) -> None:
        """Count a difference between the ledger and Telegram that was repaired."""
        self._reconciled[(difference,)] += 1

    def gauge(self, name: str, text: str, read: Callable[[], float], **labels: str) -> None:
        """Show what `read` returns whenever Prometheus asks."""
        _, series = self._gauges.setdefault(name, (text, {}))
        series[tuple(sorted(labels.items()))] = read

    def include(self, collector: Collector) -> None:
        """Show what another part of the process counts."""
        self._registry.register(collector)

    def collect(self) -> Iterator[Metric]:
        """Hand out the counters as they are now."""
        info = GaugeMetricFamily("gmbot_build_info", "What runs.", labels=list(self._build))
        info.add_metric(list(self._build.values()), 1)
        yield info
        yield _counter("gmbot_updates", "Updates received.", ["kind", "result"], self._updates)
        # What the gate let pass it had found in memory. Its count of updates is taken, so that it counts nothing more.
        passed = sum(count for (_, result), count in self._updates.items() if result == "verified")
        lookups = self._lookups + Counter({("memory", "hit"): passed})
        yield _counter("gmbot_cache_requests", "What was asked of the cache.", ["layer", "result"], lookups)
        yield _counter("gmbot_verifications", "Answers about membership.", ["outcome", "source"], self._verifications)
        yield _counter("gmbot_cases_closed", "Cases that ended.", ["outcome"], self._cases)
        yield _counter("gmbot_effects", "Things done in Telegram.", ["kind", "result"], self._effects)
        yield _counter("gmbot_reconciled", "Differences repaired.", ["difference"], self._reconciled)
        for histogram in self._durations:
            yield histogram.family()
        for name, (text, series) in self._gauges.items():
            names = [label for label, _ in next(iter(series))]
            gauge = GaugeMetricFamily(name, text, labels=names)
            for labels, read in series.items():
                gauge.add_metric([value for _, value in labels], read())
            yield gauge

    def families(self) -> Iterable[Metric]:
        """Return everything that this process and its parts count."""
        return self._registry.collect()

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


def _counter(name: str, text: str, labels: list[str], values: Counter[Labels]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for label_values, count in sorted(values.items()):
        family.add_metric(list(label_values), count)
    return family
