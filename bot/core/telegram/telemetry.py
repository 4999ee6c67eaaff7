"""What is counted about calls to Telegram: plain integers, rendered when Prometheus asks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 60.0)


class Telemetry(Collector):
    """Counters of one process. No label ever holds an id."""

    def __init__(self, *, open_circuits: Callable[[str], int], shared: Callable[[], bool]) -> None:
        self._open_circuits = open_circuits
        self._shared = shared
        self._requests: Counter[tuple[str, str]] = Counter()
        self._durations: dict[str, list[int]] = {}
        self._microseconds: Counter[str] = Counter()
        self._paused_ms = 0
        self._waits: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()

    def request(self, method: str, code: str, seconds: float) -> None:
        """Count a request by its method and HTTP status, or by what came instead of one."""
        self._requests[method, code] += 1
        buckets = self._durations.setdefault(method, [0] * (len(_BOUNDS) + 1))
        buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._microseconds[method] += round(seconds * 1_000_000)

    def flooded(self, seconds: float) -> None:
        """Count the seconds that Telegram asked to wait."""
        self._paused_ms += round(seconds * 1000)

    def waited(self, priority: str) -> None:
        """Count a call that waited for its budget."""
        self._waits[priority] += 1

    def refused(self, priority: str) -> None:
        """Count a call that was put off, because it would have had to wait for too long."""
        self._refusals[priority] += 1

    def collect(self) -> Iterator[Metric]:
        """Hand out the counters as they are now."""
        requests = CounterMetricFamily("gmbot_telegram_requests", "Bot API requests.", labels=["method", "code"])
        for labels, count in sorted(self._requests.items()):
            requests.add_metric(labels, count)
        yield requests
        yield self._histogram()
        text = "Seconds that Telegram asked to wait."
        yield CounterMetricFamily("gmbot_telegram_retry_after_seconds", text, value=self._paused_ms / 1000)
        yield _by_class("gmbot_budget_waits", "Calls that waited for a budget.", self._waits)
        yield _by_class("gmbot_budget_refusals", "Calls put off for want of budget.", self._refusals)
        circuits = GaugeMetricFamily("gmbot_circuits_open", "Circuits that let only probes pass.", labels=["scope"])
        for scope in ("bot", "channel"):
            circuits.add_metric([scope], self._open_circuits(scope))
        yield circuits
        text = "1 while all instances share the budgets, 0 while each takes its part."
        yield GaugeMetricFamily("gmbot_budget_shared", text, value=int(self._shared()))

    def _histogram(self) -> HistogramMetricFamily:
        text = "Time until Telegram answered."
        family = HistogramMetricFamily("gmbot_telegram_request_duration_seconds", text, labels=["method"])
        for method, buckets in sorted(self._durations.items()):
            total = 0
            cumulative: list[tuple[str, float]] = []
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                cumulative.append((bound, total))
            family.add_metric([method], cumulative, sum_value=self._microseconds[method] / 1_000_000)
        return family


def _by_class(name: str, text: str, counts: Counter[str]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["class"])
    for priority, count in sorted(counts.items()):
        family.add_metric([priority], count)
    return family
