"""A study as tables for people, as JSON for machines, and as a page for the documents."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bot.utils.optimizer.health import Health
from bot.utils.optimizer.measuring import Finding
from bot.utils.optimizer.pools import Sweep
from bot.utils.optimizer.study import Comparison, Study
from bot.utils.optimizer.targets import Target


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets_of(study: Study, judged: Sequence[Target]) -> Iterator[Sheet]:
    """Lay a study out."""
    yield Sheet(
        "Targets",
        ("", "target", "found", "wanted"),
        tuple(("met" if each.is_met else "MISSED", each.name, each.found, each.wanted) for each in judged),
    )
    yield sheet_of_findings(study.findings)
    yield _compared("Critical statements, with GMBot's indexes and without any", study.critical)
    slow = sorted(study.slow, key=lambda each: -each.naive_ms)
    yield _compared("Slow statements of a schema without indexes", slow)
    changed = sorted(study.replanned, key=lambda each: each.ours_ms - each.naive_ms)
    yield Sheet(
        "Statements that are planned differently after ANALYZE",
        ("statement", "after, ms", "before, ms", "change"),
        tuple(_comparison(each) for each in changed),
    )
    yield _pools(study.pools)
    yield _pools(study.pools_of_updates)
    yield Sheet(
        "Statements an update leads to",
        ("update", "statements", "at most", "which"),
        tuple(
            (
                cost.update,
                str(cost.count),
                str(cost.most),
                ", ".join(f"{name} {n}" if n > 1 else name for name, n in sorted(cost.statements.items())),
            )
            for cost in study.costs
        ),
    )
    yield from sheets_of_health(study.health)


def sheet_of_findings(findings: Sequence[Finding]) -> Sheet:
    """Lay out what was measured of statements."""
    return Sheet(
        "Statements",
        ("statement", "mean", "p95", "p99, ms", "rows read", "returned", "indexes", "fault"),
        tuple(
            (
                each.probe.statement,
                f"{each.times.mean:.2f}",
                f"{each.times.percentile(0.95):.2f}",
                f"{each.times.percentile(0.99):.2f}",
                f"{each.rows_read:.0f}",
                f"{each.rows_out:.0f}",
                " ".join(sorted(each.plans[0].indexes)),
                "; ".join(each.faults),
            )
            for each in findings
        ),
    )


def sheets_of_health(health: Health) -> Iterator[Sheet]:
    """Lay out the state of a database."""
    yield Sheet(
        "Tables",
        ("table", "rows", "size, MB", "indexes, MB", "bytes a row"),
        tuple(
            (
                str(row["table_name"]),
                f"{row['rows']:,}",
                *(f"{int(str(row[name])) / 1e6:.1f}" for name in ("bytes", "index_bytes")),
                f"{(int(str(row['bytes'])) + int(str(row['index_bytes']))) / max(int(str(row['rows'])), 1):.0f}",
            )
            for row in health.tables
            if int(str(row["rows"])) > 0
        ),
    )
    yield Sheet(
        "Troubles", ("what", "remedy"), tuple((each.what, each.remedy) for each in health.troubles) or (("none", ""),)
    )


def show(console: Console, sheets: Iterator[Sheet]) -> None:
    """Print tables."""
    for sheet in sheets:
        table = Table(title=sheet.title, title_justify="left", header_style="bold")
        for number, name in enumerate(sheet.head):
            table.add_column(name, overflow="fold", justify="left" if number == 0 else "default")
        for row in sheet.rows:
            style = "red" if row[0] == "MISSED" or (sheet.title == "Statements" and row[-1]) else None
            table.add_row(*row, style=style)
        console.print(table)


def page(command: str, scale: str, sheets: Iterator[Sheet]) -> str:
    """Write the tables as a document that says how it was made."""
    parts = [
        "# What the database costs",
        f"Made by `{command}` on {machine()}, with the {scale} seed. Do not edit: run the command again.",
    ]
    for sheet in sheets:
        lines = [sheet.head, tuple("---" for _ in sheet.head), *sheet.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "/") or " " for cell in line) + " |" for line in lines)
        parts.append(f"## {sheet.title}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def document(study: Study, judged: Sequence[Target]) -> dict[str, object]:
    """Return a study as JSON."""
    return {
        "machine": machine(),
        "scale": study.scale.name,
        "passed": all(each.is_met for each in judged),
        "targets": [
            {"name": each.name, "wanted": each.wanted, "found": each.found, "met": each.is_met} for each in judged
        ],
        "statements": findings_document(study.findings),
        "comparisons": [_comparison_document(each) for each in (*study.comparisons, study.saving)],
        "analyze": {
            "gain": study.analyze_gain,
            "replanned": [_comparison_document(each) for each in study.replanned],
        },
        "pools": {
            "reuse": study.reuse,
            "reads": _pools_document(study.pools),
            "updates": _pools_document(study.pools_of_updates),
        },
        "updates": {cost.update: dict(cost.statements) for cost in study.costs},
        "health": health_document(study.health),
        "suggestions": [{"statement": each.statement, "reason": each.reason} for each in study.suggestions],
        "unexamined": list(study.unexamined),
    }


def findings_document(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Return what was measured of statements as JSON."""
    return [
        {
            "statement": each.probe.statement,
            "mean_ms": each.times.mean,
            "median_ms": each.times.percentile(0.5),
            "p95_ms": each.times.percentile(0.95),
            "p99_ms": each.times.percentile(0.99),
            "max_ms": max(each.times.values),
            "runs": len(each.times.values),
            "rows_read": each.rows_read,
            "rows_returned": each.rows_out,
            "indexes": sorted(each.plans[0].indexes),
            "faults": list(each.faults),
        }
        for each in findings
    ]


def health_document(health: Health) -> dict[str, object]:
    """Return the state of a database as JSON."""
    return {
        "healthy": health.is_healthy,
        "server": dict(health.server),
        "tables": [
            {name: str(value) if name == "table_name" else value for name, value in row.items()}
            for row in health.tables
        ],
        "unused_indexes": list(health.unused),
        "bytes_per_event": health.bytes_per_event,
        "troubles": [{"what": each.what, "remedy": each.remedy, "grave": each.is_grave} for each in health.troubles],
    }


def machine() -> str:
    """Name what the figures were taken on."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _compared(title: str, comparisons: Sequence[Comparison]) -> Sheet:
    return Sheet(
        title,
        ("statement", "GMBot, ms", "naive, ms", "change"),
        tuple(_comparison(each) for each in comparisons),
    )


def _comparison(each: Comparison) -> tuple[str, str, str, str]:
    return each.name, f"{each.ours_ms:.3f}", f"{each.naive_ms:.3f}", f"{-each.gain:+.1%}"


def _comparison_document(each: Comparison) -> dict[str, object]:
    return {"statement": each.name, "ours_ms": each.ours_ms, "naive_ms": each.naive_ms, "gain": each.gain}


def _pools(sweep: Sweep) -> Sheet:
    default = sweep.default
    return Sheet(
        f"Pools under 48 askers: {sweep.kind}",
        ("size", "statements a second", "mean, ms", "p95, ms"),
        (
            ("asyncpg's default, 10", *_load(default.per_second, default.mean_ms, default.p95_ms)),
            *(
                (
                    f"{each.size} (best)" if each is sweep.best else str(each.size),
                    *_load(each.per_second, each.mean_ms, each.p95_ms),
                )
                for each in sweep.loads
            ),
        ),
    )


def _pools_document(sweep: Sweep) -> dict[str, object]:
    return {
        "best": sweep.best.size,
        "throughput_gain": sweep.throughput_gain,
        "latency_gain": sweep.latency_gain,
        "loads": {
            ("default" if load is sweep.default else str(load.size)): {
                "per_second": load.per_second,
                "mean_ms": load.mean_ms,
                "p95_ms": load.p95_ms,
            }
            for load in (sweep.default, *sweep.loads)
        },
    }


def _load(per_second: float, mean: float, p95: float) -> tuple[str, str, str]:
    return f"{per_second:,.0f}", f"{mean:.2f}", f"{p95:.2f}"
