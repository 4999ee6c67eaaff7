"""A report as tables for people."""

from itertools import groupby

from rich.console import Console
from rich.table import Table

from bot.utils.benchmarks.results import Report, Row

_LARGE = 100


def show(report: Report, console: Console) -> None:
    """Print a table for each section, then what was left out, then the verdict."""
    for section, rows in groupby(report.rows, key=lambda row: row.section):
        console.print(_table(section, list(rows)))
    for name, reason in report.skipped.items():
        console.print(f"left out: {name}: {reason}")
    judged = [row for row in report.rows if row.passed is not None]
    missed = len(report.missed)
    console.print(f"{len(judged) - missed} of {len(judged)} targets met" + (f", {missed} missed" if missed else ""))


def _table(section: str, rows: list[Row]) -> Table:
    table = Table(title=section, title_justify="left", title_style="bold")
    table.add_column("what", min_width=40)
    for column in ("figure", "avg", "median", "p95", "p99", "min", "max", "std dev"):
        table.add_column(column, justify="right")
    table.add_column("target")
    table.add_column("")
    for row in rows:
        table.add_row(*cells(row), _verdict(row))
    return table


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's texts: what, figure, seven figures of the sample, target."""
    sample = row.sample
    figures: tuple[str, ...] = ("",) * 7
    if sample is not None:
        values = (sample.mean, sample.median, sample.p95, sample.p99, sample.low, sample.high, sample.deviation)
        figures = tuple(number(value) for value in values)
    target = "" if row.target is None else f"{row.judged} {row.target.side} {row.target.limit:g} {row.unit}".strip()
    return (row.name, f"{number(row.figure)} {row.unit}".strip(), *figures, target)


def number(value: float) -> str:
    """Write a figure with three digits that mean something."""
    if value == int(value) or abs(value) >= _LARGE:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _verdict(row: Row) -> str:
    match row.passed:
        case None:
            return ""
        case True:
            return "[green]pass[/green]"
        case False:
            return "[red bold]FAIL[/red bold]"
