"""What measurements come to: rows with a verdict, curves, and what was left out and why."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Summary:
    """A sample in figures."""

    count: int
    mean: float
    median: float
    p95: float
    p99: float
    low: float
    high: float
    deviation: float


def summary(sample: Sequence[float]) -> Summary:
    """Put a sample into figures."""
    ordered = sorted(sample)
    return Summary(
        count=len(ordered),
        mean=statistics.fmean(ordered),
        median=statistics.median(ordered),
        p95=_percentile(ordered, 0.95),
        p99=_percentile(ordered, 0.99),
        low=ordered[0],
        high=ordered[-1],
        deviation=statistics.pstdev(ordered),
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the sample does not exceed."""
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is held against."""

    side: Literal["<", "<=", ">", ">="]
    limit: float

    def met(self, figure: float) -> bool:
        """Whether the figure is on the right side."""
        match self.side:
            case "<":
                return figure < self.limit
            case "<=":
                return figure <= self.limit
            case ">":
                return figure > self.limit
            case ">=":
                return figure >= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, what it is, and what it must be."""

    section: str
    name: str
    figure: float
    unit: str
    target: Target | None = None
    judged: str = ""
    """Which figure of the sample counts, such as `p95`; empty where there is but one."""
    sample: Summary | None = None

    @property
    def passed(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.target.met(self.figure)


@dataclass(frozen=True, slots=True)
class Curve:
    """How a figure moves as something grows, with the spread of its rounds."""

    name: str
    along: str
    unit: str
    points: tuple[tuple[float, float, float, float], ...]
    """What has grown, the median, the lowest, the highest."""


@dataclass(slots=True)
class Report:
    """Everything that was measured."""

    quick: bool
    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def sampled(
        self, section: str, name: str, sample: Sequence[float], unit: str, *, p95: Target | None = None
    ) -> None:
        """Add a sample; its 95th percentile is what a target holds for."""
        figures = summary(sample)
        self.rows.append(Row(section, name, figures.p95, unit, p95, "p95", figures))

    def rounds(self, section: str, name: str, sample: Sequence[float], unit: str, target: Target | None = None) -> None:
        """Add the outcomes of rounds; their median is what a target holds for."""
        figures = summary(sample)
        self.rows.append(Row(section, name, figures.median, unit, target, "median of the rounds", figures))

    def single(self, section: str, name: str, figure: float, unit: str, target: Target | None = None) -> None:
        """Add one figure."""
        self.rows.append(Row(section, name, figure, unit, target))

    @property
    def missed(self) -> list[Row]:
        """The rows whose target is missed."""
        return [row for row in self.rows if row.passed is False]

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {
            "quick": self.quick,
            "environment": self.environment,
            "rows": [{**asdict(row), "passed": row.passed} for row in self.rows],
            "curves": [asdict(curve) for curve in self.curves],
            "skipped": self.skipped,
            "passed": not self.missed,
        }
