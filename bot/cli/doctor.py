"""`gmbot doctor`: looks at an installation and names what is wrong, and what puts it right."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from bot.app.examination import examination
from bot.cli.operating import print_json
from bot.core.settings import Settings, files_named
from bot.domain.errors import SettingsError
from bot.domain.finding import Level
from bot.services.operating.doctor import Answer, Doctor, worst

_STYLES: Mapping[Level, str] = MappingProxyType(
    {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.FAILURE: "bold red"}
)
_WARNINGS, _FAILURES = 1, 2
_PROGRESS_FROM = 20
_INDENT = 17


def doctor(
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what can be put right: the schema, webhooks.")] = False,
    group: Annotated[int | None, typer.Option("--group", metavar="ID", help="Look at this group's rights.")] = None,
    all_groups: Annotated[bool, typer.Option("--all-groups", help="Look at every protected group.")] = False,
    only: Annotated[
        str, typer.Option(metavar="AREA,...", help="Only: settings, stores, telegram, updates, groups; or CFG-1 ...")
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when there are warnings.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at settings, stores, tokens, webhooks and groups, and name what is wrong and what puts it right.

    Nothing is changed without --fix. Exit status: 0 well, 1 warnings with --strict, 2 failures.
    """
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        typer.echo(f"gmbot doctor: {error}", err=True)
        raise typer.Exit(_FAILURES) from error
    areas = frozenset(part.strip().lower() for part in only.split(",") if part.strip())
    answers = asyncio.run(_examined(settings, areas, group, every=all_groups, fix=fix))
    if as_json:
        print_json([_fields(answer) for answer in answers])
    else:
        _print(answers)
    level = worst([answer.finding for answer in answers])
    if level is Level.FAILURE:
        raise typer.Exit(_FAILURES)
    if level is Level.WARNING and strict:
        raise typer.Exit(_WARNINGS)


async def _examined(
    settings: Settings, areas: frozenset[str], group: int | None, *, every: bool, fix: bool
) -> list[Answer]:
    secret_files = [(name, Path(path)) for name, path in files_named()]
    async with examination(settings, secret_files=secret_files, group=group, every_group=every) as checks:
        columns = TextColumn("Looking"), BarColumn(), MofNCompleteColumn()
        hidden = len(checks) < _PROGRESS_FROM
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
            task = progress.add_task("checks", total=len(checks))
            asked = Doctor(checks=checks, done=lambda _: progress.advance(task))
            return await asked.examine(only=areas, fix=fix)


def _print(answers: list[Answer]) -> None:
    console, area = Console(highlight=False), ""
    for answer in answers:
        if answer.check.area != area:
            area = answer.check.area
            console.print(f"\n[bold]{area}[/bold]")
        finding = answer.finding
        head = f"  {finding.level.value:<8}{answer.check.number:<7}"
        _line(console, head, _STYLES[finding.level], finding.what)
        if finding.remedy:
            _line(console, " " * _INDENT, "dim", f"→ {finding.remedy}")
        if answer.repaired:
            _line(console, " " * _INDENT, "green", f"repaired: {answer.repaired}")
    counts = {level: sum(answer.finding.level is level for answer in answers) for level in Level}
    console.print(
        f"\n{counts[Level.OK]} well, {counts[Level.NOTE]} to know, "
        f"{counts[Level.WARNING]} warnings, {counts[Level.FAILURE]} failures"
    )


def _line(console: Console, head: str, style: str, text: str) -> None:
    """Print a line whose continuation stands below its text."""
    for number, line in enumerate(Text(text).wrap(console, max(30, console.width - _INDENT))):
        console.print(Text(head if number == 0 else " " * _INDENT, style=style), line, sep="", soft_wrap=True)


def _fields(answer: Answer) -> dict[str, object]:
    return {
        "check": answer.check.number,
        "area": answer.check.area,
        "level": answer.finding.level.value,
        "what": answer.finding.what,
        "remedy": answer.finding.remedy,
        "repaired": answer.repaired,
    }
