"""`gmbot letters`: updates and scheduled actions that GMBot gave up, for a person to decide on."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, NoReturn, TypeVar

import typer

from bot.core.postgres.database import open_database
from bot.core.postgres.migrations import ensure_schema
from bot.core.postgres.statements import load_statements
from bot.core.repositories.letters import Letter, LetterStore, Name, name_of
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.domain.errors import BotError
from bot.domain.ids import BotId

Result = TypeVar("Result")

_Names = Annotated[list[str], typer.Argument(metavar="LETTER", help="As `list` shows them.")]
_Bot = Annotated[int | None, typer.Option("--bot", metavar="ID", help="Only this bot's.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def build_letters() -> typer.Typer:
    """Put the commands about letters together."""
    letters = typer.Typer(
        help="List, show, replay or drop what was given up after repeated failures.", no_args_is_help=True
    )
    letters.command("list")(list_letters)
    for command in (show, replay, drop):
        letters.command()(command)
    return letters


def list_letters(*, bot: _Bot = None, as_json: _Json = False) -> None:
    """List the letters, oldest first; exit status 0 also when there is none."""
    found = _run(_all(None if bot is None else BotId(bot)))
    if as_json:
        typer.echo(json.dumps([_fields(letter) for letter in found]))
        return
    for letter in found:
        mark = " (waits for its replay)" if letter.is_waiting else ""
        typer.echo(f"{letter.name}  {letter.died_at:%Y-%m-%d %H:%M:%S}  {letter.error}{mark}")
    if not found:
        typer.echo("There are no dead letters.")


def show(letter: Annotated[str, typer.Argument(metavar="LETTER")], *, as_json: _Json = False) -> None:
    """Show one letter, an update with everything Telegram sent."""
    (name,) = _names([letter])
    found = _run(_one(name))
    if found is None:
        _fail(f"there is no letter {name}")
    body = None if found.body is None else json.loads(found.body)
    if as_json:
        typer.echo(json.dumps({**_fields(found), "body": body}))
        return
    typer.echo(f"{found.name}, given up at {found.died_at:%Y-%m-%d %H:%M:%S %Z}: {found.error}")
    if body is not None:
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))


def replay(
    letters: Annotated[list[str] | None, typer.Argument(metavar="LETTER", help="As `list` shows them.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All letters.")] = False,
    bot: _Bot = None,
) -> None:
    """Have letters tried again: a running instance takes them up within seconds.

    An update that fails again comes back as a letter.
    """
    names = _run(_chosen(letters or [], every=every, bot=bot))
    missing = _run(_each(names, replay=True))
    typer.echo(f"Letters that a running instance tries again: {len(names) - len(missing)}.")
    if missing:
        _fail(f"there is no letter {', '.join(missing)}")


def drop(letters: _Names) -> None:
    """Give letters up for good."""
    names = _names(letters)
    missing = _run(_each(names, replay=False))
    typer.echo(f"Letters dropped: {len(names) - len(missing)}.")
    if missing:
        _fail(f"there is no letter {', '.join(missing)}")


async def _all(bot: BotId | None) -> list[Letter]:
    async with _opened() as store:
        return await store.all(bot)


async def _one(name: Name) -> Letter | None:
    async with _opened() as store:
        return await store.one(name)


async def _chosen(letters: list[str], *, every: bool, bot: int | None) -> list[Name]:
    if every:
        return [letter.name for letter in await _all(None if bot is None else BotId(bot))]
    if not letters:
        _fail("name letters, or say --all")
    return _names(letters)


async def _each(names: list[Name], *, replay: bool) -> list[str]:
    """Replay or drop letters; return those that are not there."""
    async with _opened() as store:
        act = store.replay if replay else store.drop
        return [str(name) for name in names if not await act(name)]


@asynccontextmanager
async def _opened() -> AsyncIterator[LetterStore]:
    async with open_stores(Settings.from_env()) as stores:
        await ensure_schema(stores.database_url, migrate=False)
        async with open_database(stores.database_url, pool_size=1, statements=load_statements()) as database:
            yield LetterStore(database=database)


def _run(work: Coroutine[object, object, Result]) -> Result:
    try:
        return asyncio.run(work)
    except BotError as error:
        typer.echo(f"gmbot letters: {error}", err=True)
        raise typer.Exit(1) from error


def _names(letters: list[str]) -> list[Name]:
    try:
        return [name_of(letter) for letter in letters]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _fail(reason: str) -> NoReturn:
    typer.echo(f"gmbot letters: {reason}", err=True)
    raise typer.Exit(1)


def _fields(letter: Letter) -> dict[str, object]:
    return {
        "letter": str(letter.name),
        "bot": letter.bot_id,
        "died_at": letter.died_at.isoformat(),
        "error": letter.error,
        "waiting": letter.is_waiting,
    }
