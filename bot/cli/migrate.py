"""`gmbot migrate`: bring the database's schema to a revision, or say where it stands."""

import asyncio
import json
from typing import Annotated

import typer

from bot.app.backups import back_up_before_migration
from bot.core.postgres.migrations import (
    BASE,
    CODE_LEVEL,
    HEAD,
    SchemaState,
    downgrade,
    read_state,
    upgrade,
)
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.domain.errors import BotError


def migrate(
    *,
    to: Annotated[str, typer.Option("--to", metavar="REV", help="A revision, `head` or `base`.")] = HEAD,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 unless this release fits.")] = False,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Do not make a backup before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the database's schema to this release, or to a named revision in either direction.

    Before anything is changed a backup is made: always of embedded servers, of others where BACKUP_DIR is set.
    """
    try:
        state = asyncio.run(_migrate(Settings.from_env(), to=to, check=check, backup=not no_backup, quiet=as_json))
    except BotError as error:
        typer.echo(f"gmbot migrate: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(_as_json(state) if as_json else _as_text(state))
    if check and (state.pending or _is_too_new(state)):
        raise typer.Exit(1)


async def _migrate(settings: Settings, *, to: str, check: bool, backup: bool, quiet: bool) -> SchemaState:
    async with open_stores(settings) as stores:
        url = stores.database_url
        state = await read_state(url)
        if check:
            return state
        if backup and state.revision is not None and (to != HEAD or state.pending):
            reason = await back_up_before_migration(settings, stores)
            if reason is not None and not quiet:
                typer.echo(f"There is no backup: {reason}.", err=True)
        forward = to == HEAD or to in state.pending or to == state.revision
        if not forward and (to == BASE or to in state.known):
            return await downgrade(url, to=to)
        return await upgrade(url, to=to)


def _is_too_new(state: SchemaState) -> bool:
    return state.min_code > CODE_LEVEL


def _as_json(state: SchemaState) -> str:
    return json.dumps(
        {
            "revision": state.revision,
            "head": state.head,
            "pending": state.pending,
            "newer": state.is_newer,
            "min_code": state.min_code,
            "code_level": CODE_LEVEL,
        }
    )


def _as_text(state: SchemaState) -> str:
    where = f"The schema is at {state.revision or 'nothing'}"
    if _is_too_new(state):
        return f"{where} and needs code level {state.min_code}; this release has code level {CODE_LEVEL}."
    if state.is_newer:
        return f"{where}, from a newer release; this one ({state.head}) can live with it."
    if state.pending:
        return f"{where}; to run: {', '.join(state.pending)}."
    return f"{where}, which is this release's."
