"""`gmbot backup`: make, list, check and restore backups."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from bot.app.backups import backups_of, catalogue_at_rest
from bot.app.restoring import Restoring
from bot.cli.operating import execute, print_fields, print_json, print_table
from bot.core.backup.catalogue import Catalogue, Entry
from bot.core.backup.restoring import Recovered
from bot.core.clock import SystemClock
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.domain.backup import Backup, Kind, Why, newest_before
from bot.domain.errors import BackupError

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="By default the newest.", show_default=False)]


def build_backup() -> typer.Typer:
    """Put the commands about backups together."""
    backup = typer.Typer(
        help="Make, list, check and restore backups in BACKUP_DIR.\n\n"
        "They are sealed with ENCRYPTION_KEY, which is in none of them: keep it somewhere else.",
        no_args_is_help=True,
    )
    for name, command in (("create", create), ("list", list_backups), ("verify", verify), ("restore", restore)):
        backup.command(name)(command)
    return backup


def create(
    *,
    full: Annotated[bool, typer.Option("--full", help="Copy everything, not only what changed.")] = False,
    dump: Annotated[bool, typer.Option("--dump", help="Dump the database, which any PostgreSQL can read.")] = False,
    as_json: _Json = False,
) -> None:
    """Make a backup beside running instances, and let go those that are not to be kept."""
    if full and dump:
        raise typer.BadParameter("say --full or --dump")
    kind = Kind.FULL if full else Kind.DUMP if dump else None
    made = execute("backup create", _create(kind, show=not as_json))
    if as_json:
        print_json(_fields(Entry(made)))
        return
    seconds = (made.ended_at - made.begun_at).total_seconds()
    typer.echo(f"{made.name}: {_size(made.size)} in {seconds:.1f} s")


def list_backups(*, as_json: _Json = False) -> None:
    """List the backups, the oldest first."""
    entries = execute("backup list", _entries())
    if as_json:
        print_json([_fields(entry) for entry in entries])
        return
    if not entries:
        typer.echo("There is no backup yet: `gmbot backup create` makes one, BACKUP_SCHEDULE makes them regularly.")
        return
    rows = [
        (
            entry.backup.name,
            entry.backup.kind.value,
            _size(entry.backup.size),
            entry.backup.why.value,
            entry.backup.revision or "-",
            "good" if entry.fault is None else str(entry.fault),
        )
        for entry in entries
    ]
    print_table(("Name", "Kind", "Size", "For", "Schema", "State"), rows, right=("Size",))


def verify(
    name: _Name = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Restore it, with its log, into a server that is thrown away.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Check a backup, what it rests on, and its log: every byte."""

    async def work(restoring: Restoring) -> dict[str, object]:
        backup = _chosen(restoring.catalogue, name)
        size, segments = await restoring.check(backup)
        found = {"backup": backup.name, "bytes": size, "log_files": segments}
        return {**found, **_contents(await restoring.rehearse(backup))} if full else found

    _show(execute("backup verify", _with_restoring(work, show=not as_json)), "is sound", as_json=as_json)


def restore(
    name: _Name = None,
    *,
    to: Annotated[
        datetime | None,
        typer.Option(
            "--to",
            metavar="TIME",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"],
            help="How it was at this moment, in UTC: 2026-01-31T18:30:00. By default as late as the log goes.",
        ),
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Write a server's files into a new directory.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put the data that is in the home aside; nothing is deleted.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Restore into the home of the embedded servers; a dump into the empty database of DATABASE_URL.

    What is in use, or holds data, is left alone.
    """
    moment, place = None if to is None else to.replace(tzinfo=UTC), None if into is None else into.absolute()

    async def work(restoring: Restoring) -> dict[str, object]:
        # The log takes a copy of the files further than any dump goes.
        copies = moment is not None or place is not None or restoring.settings.database_url is None
        backup = _chosen(restoring.catalogue, name, moment, copies_first=copies)
        return {"backup": backup.name, **_contents(await _restore(restoring, backup, moment, place, replace=replace))}

    _show(execute("backup restore", _with_restoring(work, show=not as_json)), "is restored", as_json=as_json)


async def _restore(
    restoring: Restoring, backup: Backup, moment: datetime | None, into: Path | None, *, replace: bool
) -> Recovered:
    if backup.kind is Kind.DUMP:
        if moment is not None or into is not None:
            raise BackupError(f"{backup.name} is a dump: it goes into a database, as it was when it was made")
        return await restoring.into_database(backup)
    if into is not None:
        return await restoring.into_directory(backup, into, to=moment)
    if restoring.settings.database_url is not None:
        raise BackupError(
            f"{backup.name} holds the files of a whole server: --into DIR writes them where you can start PostgreSQL"
        )
    return await restoring.into_home(backup, to=moment, put_aside=replace)


async def _create(kind: Kind | None, *, show: bool) -> Backup:
    settings = Settings.from_env()
    async with open_stores(settings) as stores:
        with _bar(show=show) as progress:
            return await backups_of(settings, stores).create(Why.COMMAND, kind=kind, progress=progress)


async def _entries() -> list[Entry]:
    return await asyncio.to_thread(catalogue_at_rest(Settings.from_env()).entries)


async def _with_restoring(
    work: Callable[[Restoring], Awaitable[dict[str, object]]], *, show: bool
) -> dict[str, object]:
    settings = Settings.from_env()
    console = Console(stderr=True)
    if not (show and console.is_terminal):
        return await work(Restoring(settings, catalogue_at_rest(settings), SystemClock(), lambda _: None))
    with console.status("Looking ...") as status:

        def tell(what: str) -> None:
            status.update(f"{what.capitalize()} ...")

        return await work(Restoring(settings, catalogue_at_rest(settings), SystemClock(), tell))


def _chosen(
    catalogue: Catalogue, name: str | None, moment: datetime | None = None, *, copies_first: bool = False
) -> Backup:
    if name is not None:
        return catalogue.find(name)
    entries = catalogue.entries()
    good = [entry.backup for entry in entries if entry.fault is None]
    copies = [backup for backup in good if backup.kind is not Kind.DUMP]
    found = newest_before(copies if copies_first and copies else good, moment)
    if found is None:
        for entry in entries:
            if entry.fault is not None:
                raise entry.fault
        raise BackupError(f"there is no backup in {catalogue.root}" + (" of before that" if moment else ""))
    return found


def _show(found: dict[str, object], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = found.pop("rows", None)
    typer.echo(f"{found.pop('backup')} {what}.")
    print_fields({name.replace("_", " "): value for name, value in found.items() if value is not None})
    if isinstance(rows, dict):
        print_table(("Table", "Rows"), sorted(rows.items()), right=("Rows",))


def _contents(recovered: Recovered) -> dict[str, object]:
    return {
        "schema": recovered.revision,
        "last_commit": None if recovered.until is None else recovered.until.isoformat(),
        "rows": dict(recovered.rows),
    }


def _fields(entry: Entry) -> dict[str, object]:
    backup = entry.backup
    return {
        "name": backup.name,
        "kind": backup.kind.value,
        "why": backup.why.value,
        "begun_at": backup.begun_at.isoformat(),
        "ended_at": backup.ended_at.isoformat(),
        "bytes": backup.size,
        "parent": backup.parent,
        "server_version": backup.server_version,
        "schema": backup.revision,
        "release": backup.release,
        "fault": None if entry.fault is None else str(entry.fault),
    }


@contextmanager
def _bar(*, show: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how far it has come, on standard error; without a terminal nothing is shown until the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not (show and console.is_terminal)) as progress:
        bar = progress.add_task("backing up", total=None)
        yield lambda done, expected: progress.update(bar, completed=done, total=max(done, expected))


def _size(count: int) -> str:
    return f"{count / 1_000_000:,.2f} MB"
