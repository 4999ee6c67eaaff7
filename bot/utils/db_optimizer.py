"""`python -m bot.utils.db_optimizer`: what the database costs, and what it lacks.

In a PostgreSQL of its own, seeded and thrown away, it measures and explains every statement of the repositories, with
GMBot's indexes and without any. The database of DATABASE_URL, if that is set, is only looked at: the session is
read-only, and advice is printed, never carried out.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from bot.core.clock import SystemClock
from bot.core.settings import Settings
from bot.core.telemetry.logging import configure_logging
from bot.domain.errors import BotError
from bot.utils.optimizer.advice import Suggestion, suggestions
from bot.utils.optimizer.connecting import Connection, connected
from bot.utils.optimizer.counting import Usage, query_ids, statistics_are_there, usage
from bot.utils.optimizer.health import Health, health
from bot.utils.optimizer.lab import laboratory
from bot.utils.optimizer.measuring import Finding, Laboratory
from bot.utils.optimizer.report import (
    Sheet,
    document,
    findings_document,
    health_document,
    page,
    sheet_of_findings,
    sheets_of,
    sheets_of_health,
    show,
)
from bot.utils.optimizer.samples import take_samples
from bot.utils.optimizer.scale import LARGE, SMALL, TINY
from bot.utils.optimizer.study import FULL, QUICK, known_probes, study
from bot.utils.optimizer.targets import targets

_SAMPLES = 30
_COSTLIEST = 15


async def analyze_query_performance(database_url: str | None = None, *, runs: int = 100) -> list[Finding]:
    """Measure and explain every reading statement; empty when the tables hold too little to tell.

    Without a URL: DATABASE_URL, or else a small database made for the purpose, where the writing ones are measured too.
    """
    async with _opened(database_url) as (connection, is_ours):
        samples = await take_samples(connection, _SAMPLES)
        if not samples:
            return []
        bench = Laboratory(connection, samples, clock=SystemClock())
        chosen = [probe for probe in known_probes() if is_ours or not probe.is_write]
        return [await bench.examine(probe, runs=runs) for probe in chosen]


async def check_database_health(database_url: str | None = None) -> Health:
    """Look for invalid, duplicate and unused indexes, dead rows, old statistics and a server in distress."""
    async with _opened(database_url) as (connection, _):
        return await health(connection)


async def suggest_indexes(database_url: str | None = None) -> list[Suggestion]:
    """Return the indexes that the database lacks, as statements to run. Nothing is run."""
    async with _opened(database_url) as (connection, _):
        return await suggestions(connection)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A tiny seed, short measurements: under a minute.")] = False,
    large: Annotated[bool, typer.Option("--large", help="100,000 groups, 1,000,000 cases, 10,000,000 events.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write everything here.")] = None,
    page_file: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write the tables here.")] = None,
) -> None:
    """Measure, explain and compare; exit 1 when a target is missed."""
    configure_logging(level="warning", form="console")
    console = Console()
    scale = TINY if quick else LARGE if large else SMALL
    try:
        # The instances' own loop: what a pool gains depends on what a statement costs beside PostgreSQL.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            with console.status("") as status:

                def say(what: str, rows: int) -> None:
                    status.update(f"{what} {rows:,}" if rows else what)

                found = runner.run(study(scale, QUICK if quick else FULL, say=say))
            judged = targets(found)
            content = document(found, judged)
            show(console, sheets_of(found, judged))
            _advise(console, found.suggestions)
            content["operator"] = runner.run(_look_at_yours(console))
    except BotError as error:
        typer.echo(f"db_optimizer: {error}", err=True)
        raise typer.Exit(1) from error
    if json_file is not None:
        json_file.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    if page_file is not None:
        options = " --quick" if quick else " --large" if large else ""
        command = f"python -m bot.utils.db_optimizer{options} --page {page_file}"
        page_file.write_text(page(command, scale.name, sheets_of(found, judged)), encoding="utf-8")
    if not content["passed"]:
        raise typer.Exit(1)


async def _look_at_yours(console: Console) -> dict[str, object] | None:
    """Examine the operator's own database, if there is one."""
    url = _operators_url()
    if url is None:
        return None
    console.rule("DATABASE_URL, read only")
    findings = await analyze_query_performance(url, runs=20)
    state, advice = await check_database_health(url), await suggest_indexes(url)
    async with connected(url, read_only=True) as connection:
        used = await usage(connection, await query_ids(connection)) if await statistics_are_there(connection) else []
    sheets = [sheet_of_findings(findings)] if findings else []
    show(console, iter([*sheets, *sheets_of_health(state), *_sheet_of_usage(used)]))
    _advise(console, advice)
    return {
        "statements": findings_document(findings),
        "health": health_document(state),
        "suggestions": [{"statement": each.statement, "reason": each.reason} for each in advice],
        "used": [{name: getattr(each, name) for name in Usage.__slots__} for each in used[:_COSTLIEST]],
    }


def _sheet_of_usage(used: Sequence[Usage]) -> list[Sheet]:
    rows = tuple(
        (each.statement, f"{each.calls:,}", f"{each.mean_ms:.2f}", f"{each.max_ms:.1f}", f"{each.total_ms:.0f}")
        for each in used[:_COSTLIEST]
    )
    return (
        [Sheet("What has run, the costliest first", ("statement", "calls", "mean", "max, ms", "sum"), rows)]
        if rows
        else []
    )


def _advise(console: Console, advice: Sequence[Suggestion]) -> None:
    for each in advice:
        console.print(f"[bold]{each.statement}[/]  -- {each.reason}", highlight=False, soft_wrap=True)


@asynccontextmanager
async def _opened(database_url: str | None) -> AsyncIterator[tuple[Connection, bool]]:
    """Open the operator's database read-only, or a small one of our own; the second value says which."""
    url = database_url or _operators_url()
    if url is not None:
        async with connected(url, read_only=True) as connection:
            yield connection, False
        return
    async with laboratory(TINY, progress=lambda _table, _rows: None) as lab:
        await lab.make_indexes()
        await lab.analyze()
        async with connected(lab.database_url) as connection:
            yield connection, True


def _operators_url() -> str | None:
    url = Settings.from_env().database_url
    return None if url is None else url.get_secret_value()


def run() -> None:
    """Read the command line."""
    optimizer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    optimizer.command()(main)
    optimizer()


if __name__ == "__main__":
    run()
