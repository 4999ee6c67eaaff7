"""What is counted about calls to Telegram: plain integers, rendered when Prometheus asks."""

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.core.telemetry.histogram import Histogram


class Telemetry(Collector):
    """Counters of one process. No label ever holds an id."""

    def __init__(self, *, open_circuits: Callable[[str], int], shared: Callable[[], bool]) -> None:
        self._open_circuits = open_circuits
        self._shared = shared
        self._requests: Counter[tuple[str, str]] = Counter()
        self._durations = Histogram(
            name="gmbot_telegram_request_duration_seconds", text="Time until Telegram answered.", label="method"
        )
        self._paused_ms = 0
        self._waits: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()

    def request(self, method: str, code: str, seconds: float) -> None:
        """Count a request by its method and HTTP status, or by what came instead of one."""
        self._requests[method, code] += 1
        self._durations.observe(method, seconds)

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
        yield self._durations.family()
        text = "Seconds that Telegram asked to wait."
        yield CounterMetricFamily("gmbot_telegram_retry_after_seconds", text, value=self._paused_ms / 1000)
        yield _by_class("gmbot_budget_waits", "Calls that waited for a budget.", self._waits)
        yield _by_class("gmbot_budget_refusals", "Calls put off for want of budget.", self._refusals)
        text = "How many circuits let only probes pass; 0 while all are closed."
        circuits = GaugeMetricFamily("gmbot_circuit_state", text, labels=["name"])
        for scope in ("bot", "channel"):
            circuits.add_metric([scope], self._open_circuits(scope))
        yield circuits
        text = "1 while all instances share the budgets, 0 while each takes its part."
        yield GaugeMetricFamily("gmbot_budget_shared", text, value=int(self._shared()))


def _by_class(name: str, text: str, counts: Counter[str]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["class"])
    for priority, count in sorted(counts.items()):
        family.add_metric([priority], count)
    return family
