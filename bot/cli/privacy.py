"""`gmbot privacy`: what is known about somebody, told and erased."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from bot.cli.administering import administer
from bot.cli.operating import AT_THE_SHELL, fail
from bot.domain.ids import UserId
from bot.services.operating.privacy import Privacy
from bot.services.ports.privacy import Export

Result = TypeVar("Result")

_User = Annotated[int, typer.Argument(metavar="USER", min=1, help="A Telegram user's number.")]


def build_privacy() -> typer.Typer:
    """Put the commands about people together."""
    privacy = typer.Typer(
        help="Export or erase what is known about somebody, in all bots of this deployment.\n\n"
        "Exit status: 0 done, 1 not done and why, 2 wrong usage, 3 they are still muted by a bot.",
        no_args_is_help=True,
    )
    for command in (export, erase):
        privacy.command()(command)
    return privacy


def export(
    user: _User,
    *,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write it to this file, as JSON; - is the terminal.")
    ] = None,
) -> None:
    """Show everything that is stored about somebody."""

    async def work(privacy: Privacy) -> Export:
        return await privacy.export(UserId(user))

    found = _run("privacy export", work)
    if json_file is None:
        _show(found)
        return
    text = json.dumps({"user": user, **found}, ensure_ascii=False, default=str, indent=2)
    if str(json_file) == "-":
        typer.echo(text)
        return
    try:
        json_file.touch(mode=0o600)
        json_file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        fail("privacy export", f"{json_file} cannot be written: {error.strerror}")
    typer.echo(f"{sum(map(len, found.values()))} rows are in {json_file}.")


def erase(
    user: _User,
    *,
    wait: Annotated[
        float, typer.Option("--wait", min=1, metavar="SECONDS", help="For how long they may be freed before.")
    ] = 60,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Erase although they are muted where nobody can free them any more.")
    ] = False,
) -> None:
    """Free somebody wherever a bot muted them, and erase what is stored about them.

    They lose exemptions and ownership with it; the audit keeps a pseudonym. What is in backups stays there.
    """
    if not yes:
        typer.confirm(f"Erase everything about {user} in all bots?", abort=True)

    async def work(privacy: Privacy) -> None:
        with Console(stderr=True).status("Freeing them ...") as status:
            await privacy.erase(
                UserId(user),
                by=AT_THE_SHELL,
                wait=wait,
                progress=lambda held: status.update(f"Freeing them: {held} to go ..."),
                abandon=abandon,
            )

    _run("privacy erase", work)
    typer.echo(f"Nothing is stored about {user} any more.")


def _show(found: Export) -> None:
    for name, rows in found.items():
        for row in rows:
            fields = ", ".join(f"{field} {value}" for field, value in row.items() if value is not None)
            typer.echo(f"{name}: {fields}")
    if not any(found.values()):
        typer.echo("Nothing is stored about them.")


def _run(command: str, work: Callable[[Privacy], Awaitable[Result]]) -> Result:
    return administer(command, lambda admin: work(admin.privacy))
