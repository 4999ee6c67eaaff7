"""Plots as SVG, light and dark, drawn with nothing but text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

_WIDTH = 760
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 150, 34, 26
_LINE = 14
_STYLE = """\
<style>
  svg { --paper: #ffffff; --ink: #1f2328; --soft: #656d76; --grid: #e4e7eb; --limit: #b42318;
        --c1: #1f6feb; --c2: #bc5b00; --c3: #1a7f37; --c4: #8250df; --c5: #57606a;
        background: var(--paper); font: 12px system-ui, sans-serif; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1; --grid: #262c36; --limit: #ff7b72;
          --c1: #58a6ff; --c2: #f0a04b; --c3: #56d364; --c4: #bc8cff; --c5: #9198a1; }
  }
  .title { fill: var(--ink); font-weight: 600; font-size: 13px; }
  .tick { fill: var(--soft); font-size: 11px; }
  .grid { stroke: var(--grid); stroke-width: 1; }
  .limit { stroke: var(--limit); stroke-width: 1; stroke-dasharray: 5 4; }
  .limit-name { fill: var(--limit); font-size: 11px; }
  .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
  .dot { fill-opacity: 0.55; }
</style>
"""

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line, or dots, in one of the five colours. What has no label shares that of another line of its colour."""

    points: Sequence[Point]
    colour: int
    label: str = ""
    dots: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One plot. The vertical axis begins at nought, or is logarithmic."""

    title: str
    series: Sequence[Series]
    unit_x: str
    most_x: float
    height: int = 190
    logarithmic: bool = False
    limits: Sequence[tuple[float, str]] = ()
    """Horizontal lines that nothing should cross, with their names."""
    lanes: Sequence[str] = ()
    """Names instead of figures on the vertical axis: the first is at 1, the next at 2."""
    names_x: Sequence[tuple[float, str]] = ()
    """What stands below the horizontal axis instead of round figures."""
    limits_x: Sequence[tuple[float, str]] = field(default=())
    """The same as `limits`, upright."""


def svg(panels: Sequence[Panel]) -> str:
    """Draw panels one below the other."""
    parts, top = list[str](), 0
    for panel in panels:
        parts.append(f'<g transform="translate(0 {top})">\n{_Canvas(panel).draw()}</g>\n')
        top += panel.height + 10
    names = escape("; ".join(panel.title for panel in panels))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
    return f'{head}role="img" aria-label="{names}">\n{_STYLE}{"".join(parts)}</svg>\n'


class _Canvas:
    """Draws one panel."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        values = [y for each in panel.series for _, y in each.points] + [limit for limit, _ in panel.limits]
        if panel.lanes:
            self._ticks, self._low, self._high = (
                [float(n + 1) for n in range(len(panel.lanes))],
                0.4,
                len(panel.lanes) + 0.6,
            )
        elif panel.logarithmic:
            found = [value for value in values if value > 0]
            low, high = floor(log10(min(found, default=1))), ceil(log10(max(found, default=10)))
            self._low, self._high = float(low), float(max(high, low + 1))
            self._ticks = [10.0**power for power in range(low, max(high, low + 1) + 1)]
        else:
            self._ticks = _round_ticks(max(values, default=1))
            self._low, self._high = 0.0, self._ticks[-1]

    def draw(self) -> str:
        """Return the panel's elements."""
        parts = [f'<text class="title" x="{_LEFT}" y="18">{escape(self._panel.title)}</text>', *self._axes()]
        parts.extend(self._dots(each) if each.dots else self._line(each) for each in self._panel.series)
        parts.extend(self._labels())
        return "\n".join(parts) + "\n"

    def _x(self, value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / (self._panel.most_x or 1), 1)

    def _y(self, value: float) -> float:
        if self._panel.logarithmic:
            value = log10(max(value, 10**self._low))
        share = (value - self._low) / ((self._high - self._low) or 1)
        return round(self._panel.height - _BOTTOM - (self._panel.height - _BOTTOM - _TOP) * share, 1)

    def _axes(self) -> list[str]:
        panel, parts, end = self._panel, list[str](), _WIDTH - _RIGHT
        for number, tick in enumerate(self._ticks):
            y, name = self._y(tick), panel.lanes[number] if panel.lanes else f"{tick:g}"
            parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y}" x2="{end}" y2="{y}"/>')
            parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        bottom = panel.height - _BOTTOM
        for place, name in panel.names_x or _round_names(panel):
            x = self._x(place)
            parts.append(f'<text class="tick" x="{x}" y="{bottom + 16}" text-anchor="middle">{name}</text>')
        for limit, name in panel.limits:
            y = self._y(limit)
            parts.append(f'<line class="limit" x1="{_LEFT}" y1="{y}" x2="{end}" y2="{y}"/>')
            parts.append(f'<text class="limit-name" x="{end + 6}" y="{y + 4}">{escape(name)}</text>')
        for limit, name in panel.limits_x:
            x = self._x(limit)
            parts.append(f'<line class="limit" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>')
            parts.append(f'<text class="limit-name" x="{x}" y="{_TOP - 4}" text-anchor="middle">{escape(name)}</text>')
        return parts

    def _line(self, series: Series) -> str:
        points = " ".join(f"{self._x(x)},{self._y(y)}" for x, y in series.points)
        return f'<polyline class="line" stroke="var(--c{series.colour})" points="{points}"/>'

    def _dots(self, series: Series) -> str:
        colour = f"var(--c{series.colour})"
        circles = (f'<circle class="dot" cx="{self._x(x)}" cy="{self._y(y)}" r="3.5"/>' for x, y in series.points)
        return f'<g fill="{colour}">{"".join(circles)}</g>'

    def _labels(self) -> list[str]:
        """Write each label at the end of its line, moved apart where lines end together."""
        named = [each for each in self._panel.series if each.label and each.points]
        wanted = sorted(((self._y(each.points[-1][1]), each) for each in named), key=lambda pair: pair[0])
        taken = [self._y(limit) for limit, _ in self._panel.limits]
        places = _apart([y for y, _ in wanted], taken)
        return [
            f'<text x="{_WIDTH - _RIGHT + 6}" y="{y + 4}" fill="var(--c{series.colour})">{escape(series.label)}</text>'
            for y, (_, series) in zip(places, wanted, strict=True)
        ]


def _apart(places: Sequence[float], taken: Sequence[float]) -> list[float]:
    """Move sorted places so that no two are closer than a line of text."""
    moved = list(places)
    for number, place in enumerate(moved):
        low = moved[number - 1] + _LINE if number else place
        moved[number] = max(place, low)
        for other in taken:
            if abs(moved[number] - other) < _LINE:
                moved[number] = other + _LINE
    excess = max(0.0, moved[-1] - places[-1] - _LINE * 2) if moved else 0.0
    shifted = [place - excess for place in moved]
    return shifted if all(later - earlier >= _LINE for earlier, later in pairwise(shifted)) else moved


def _round_names(panel: Panel) -> list[tuple[float, str]]:
    """Name round places on the horizontal axis."""
    ticks = [tick for tick in _round_ticks(panel.most_x) if tick <= panel.most_x]
    return [(tick, f"{tick:g}" if tick else f"0 {panel.unit_x}") for tick in ticks]


def _round_ticks(most: float) -> list[float]:
    """Return from 3 to 7 round figures, the last of which is not below `most`."""
    most = most or 1.0
    step = 10.0 ** floor(log10(most))
    step *= next(factor for factor in (0.2, 0.5, 1, 2) if most / (step * factor) <= 6)
    return [round(step * number, 6) for number in range(ceil(most / step) + 1)]
