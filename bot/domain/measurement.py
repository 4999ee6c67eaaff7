"""What a process has counted since it started, as people read it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one kind of thing took; percentiles are the ends of histogram steps, in milliseconds."""

    label: str
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Count:
    """A counter or gauge."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything, as it was at one moment."""

    updates: tuple[Timing, ...]
    calls: tuple[Timing, ...]
    """To Telegram, by method."""
    statements: tuple[Timing, ...]
    counts: tuple[Count, ...]

    def total(self, name: str, **labels: str) -> float:
        """Add up a counter, of these labels or of all."""
        return sum(
            count.value for count in self.counts if count.name == name and labels.items() <= dict(count.labels).items()
        )
