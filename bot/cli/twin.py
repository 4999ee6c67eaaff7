"""`gmbot twin`: two databases that both take changes of the configuration."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from bot.app.twins import twins_of
from bot.cli.operating import execute, print_json, print_table
from bot.core.settings import Settings
from bot.core.twin.linking import Twins
from bot.domain.twin import SideState, faults_of

Result = TypeVar("Result")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def build_twin() -> typer.Typer:
    """Put the commands about twins together."""
    twin = typer.Typer(
        help="Keep the configuration in DATABASE_URL and in TWIN_DATABASE_URL, and change it in either.\n\n"
        "Both URLs need a superuser. What is set up can be removed without a trace.",
        no_args_is_help=True,
    )
    for command in (setup, check, sync, remove):
        twin.command()(command)
    return twin


def setup(
    *,
    reach_here: Annotated[
        str | None, typer.Option("--reach-here", metavar="HOST:PORT", help="Where the other server reaches this one.")
    ] = None,
    reach_there: Annotated[
        str | None, typer.Option("--reach-there", metavar="HOST:PORT", help="Where this server reaches the other one.")
    ] = None,
) -> None:
    """Make two databases twins. Where both have a row already, the one that was changed later stays."""
    _run("twin setup", lambda twins: twins.set_up(), reach_here, reach_there)
    typer.echo("Each database tells the other one its changes now; `gmbot twin check` compares them.")


def check(*, as_json: _Json = False) -> None:
    """Compare both databases. Exit status 1 when they differ, or when one does not hear the other."""
    sides = _run("twin check", lambda twins: twins.compare())
    faults = faults_of(*sides)
    if as_json:
        print_json({"sides": [asdict(side) for side in sides], "faults": faults})
    else:
        _print(*sides)
        for fault in faults:
            typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)


def sync() -> None:
    """Have both tell everything once more, also when one could not hold its log any longer and lost its slot."""
    _run("twin sync", lambda twins: twins.sync())
    typer.echo("Both tell all they hold; `gmbot twin check` says when they are equal.")


def remove(
    *,
    here_only: Annotated[bool, typer.Option("--here-only", help="The other database is gone for good.")] = False,
) -> None:
    """Make both databases single again. Each keeps what it holds."""
    _run("twin remove", lambda twins: twins.remove(here_only=here_only))
    typer.echo("This database is single." if here_only else "Both databases are single.")


def _print(one: SideState, other: SideState) -> None:
    rows = []
    for table, content in one.tables.items():
        counterpart = other.tables.get(table, (0, ""))
        rows.append((table, content[0], counterpart[0], "equal" if content == counterpart else "DIFFERENT"))
    print_table(("Table", one.name.capitalize(), other.name.capitalize(), "State"), rows, right=("Here", "There"))
    for side in (one, other):
        typer.echo(
            f"{side.name}: {'hears the other one' if side.receives else 'hears nothing'},"
            f" {side.behind_bytes or 0} bytes of log not confirmed, {side.conflicts} conflicts,"
            f" {side.not_applied} changes not applied, {side.faults} faults"
        )


def _run(
    command: str,
    work: Callable[[Twins], Awaitable[Result]],
    reach_here: str | None = None,
    reach_there: str | None = None,
) -> Result:
    async def opened() -> Result:
        return await work(twins_of(Settings.from_env(), reach_here=reach_here, reach_there=reach_there))

    return execute(command, opened())
