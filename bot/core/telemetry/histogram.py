"""Durations by a label, as plain integers that cost little to count."""

from bisect import bisect_left
from collections import Counter

from prometheus_client.core import HistogramMetricFamily

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Histogram:
    """One histogram. Its label has few values and never an id."""

    def __init__(self, *, name: str, text: str, label: str) -> None:
        self._name = name
        self._text = text
        self._label = label
        self._buckets: dict[str, list[int]] = {}
        self._microseconds: Counter[str] = Counter()

    def observe(self, value: str, seconds: float) -> None:
        """Count one duration."""
        buckets = self._buckets.get(value)
        if buckets is None:
            buckets = self._buckets[value] = [0] * (len(_BOUNDS) + 1)
        buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._microseconds[value] += round(seconds * 1_000_000)

    def family(self) -> HistogramMetricFamily:
        """Hand out the buckets as they are now."""
        family = HistogramMetricFamily(self._name, self._text, labels=[self._label])
        for value, buckets in sorted(self._buckets.items()):
            total = 0
            cumulative: list[tuple[str, float]] = []
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                cumulative.append((bound, total))
            family.add_metric([value], cumulative, sum_value=self._microseconds[value] / 1_000_000)
        return family
