"""The schema's revision: read it, bring it up, refuse one this code cannot live with.

Alembic and SQLAlchemy are imported only when the revision has to change.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import asyncpg

# What a schema's min_code is compared with. Raise it with the release that can live with a breaking migration.
CODE_LEVEL = 1

HEAD = "head"
BASE = "base"

_LOCK_KEY = 0x67_6D_62_6F_74  # "gmbot"
_LOCK_TIMEOUT_SECONDS = 120
_CONNECT_TIMEOUT_SECONDS = 10

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class MigrationError(Exception):
    """The schema could not be brought to the wanted revision; it is as it was."""


class SchemaTooNewError(Exception):
    """A newer release changed the schema in a way this code cannot live with."""

    def __init__(self, *, min_code: int) -> None:
        super().__init__(
            f"the database's schema needs code level {min_code} and this is code level {CODE_LEVEL}: "
            "run a newer release of GMBot, or downgrade the schema with the newer one first"
        )
        self.min_code = min_code


class SchemaTooOldError(Exception):
    """The schema lacks migrations and this instance may not run them."""

    def __init__(self, *, revision: str | None, head: str) -> None:
        super().__init__(
            f"the database's schema is at {revision or 'nothing'} and this release needs {head}: run `gmbot migrate`"
        )
        self.revision = revision
        self.head = head


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """Where a database stands. `revision` is None in an empty one."""

    revision: str | None
    min_code: int
    known: tuple[str, ...]

    @property
    def head(self) -> str:
        """Return the newest revision of this release."""
        return self.known[-1]

    @property
    def is_newer(self) -> bool:
        """Say whether a newer release has migrated the database."""
        return self.revision is not None and self.revision not in self.known

    @property
    def pending(self) -> tuple[str, ...]:
        """Return the revisions the database lacks."""
        if self.is_newer:
            return ()
        return tuple(revision for revision in self.known if self.revision is None or revision > self.revision)


def migrations_directory() -> Path:
    """Return where the migrations are: in the wheel inside the package, in a checkout beside it."""
    package = Path(__file__).parent.parent
    shipped = package / "_migrations"
    return shipped if shipped.exists() else package.parent / "migrations"


async def read_state(database_url: str) -> SchemaState:
    """Ask a database where its schema stands."""
    connection = await asyncpg.connect(database_url, timeout=_CONNECT_TIMEOUT_SECONDS)
    try:
        return await _read_state(connection)
    finally:
        await connection.close()


async def ensure_schema(database_url: str, *, migrate: bool) -> SchemaState:
    """Make the schema fit for this instance, or raise SchemaTooNewError or SchemaTooOldError.

    A newer schema is welcome as long as it does not ask for newer code.
    """
    state = await read_state(database_url)
    if state.pending and migrate:
        state = await upgrade(database_url)
    if state.min_code > CODE_LEVEL:
        raise SchemaTooNewError(min_code=state.min_code)
    if state.pending:
        raise SchemaTooOldError(revision=state.revision, head=state.head)
    return state


async def upgrade(database_url: str, *, to: str = HEAD) -> SchemaState:
    """Run the migrations up to a revision; nothing when they have run."""
    async with _alone(database_url) as connection:
        state = await _read_state(connection)
        target = state.head if to == HEAD else to
        if target in state.pending:
            await _run(database_url, "upgrade", target)
        return await _read_state(connection)


async def downgrade(database_url: str, *, to: str) -> SchemaState:
    """Undo the migrations after a revision; `base` undoes all of them."""
    async with _alone(database_url) as connection:
        await _run(database_url, "downgrade", to)
        return await _read_state(connection)


@asynccontextmanager
async def _alone(database_url: str) -> AsyncIterator[Connection]:
    """Hold the lock of migrations; of instances that start together one migrates and the others wait."""
    connection = await asyncpg.connect(database_url, timeout=_CONNECT_TIMEOUT_SECONDS)
    try:
        # The lock lasts as long as a transaction, not a session, so that a connection pooler cannot lose it.
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'")
            try:
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
            except asyncpg.LockNotAvailableError as error:
                raise MigrationError(
                    f"another instance has been migrating for more than {_LOCK_TIMEOUT_SECONDS} s"
                ) from error
            yield connection
    finally:
        await connection.close()


async def _read_state(connection: Connection) -> SchemaState:
    revision = None
    min_code = 0
    if await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    if await connection.fetchval("SELECT to_regclass('schema_requirements') IS NOT NULL"):
        min_code = await connection.fetchval("SELECT min_code FROM schema_requirements")
    return SchemaState(revision=revision, min_code=min_code, known=_known_revisions())


def _known_revisions() -> tuple[str, ...]:
    """Return this release's revisions, oldest first: a version's file starts with its number."""
    files = (migrations_directory() / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(path.name.partition("_")[0] for path in files))


async def _run(database_url: str, direction: str, revision: str) -> None:
    from bot.core.alembic_runner import run  # noqa: PLC0415 - SQLAlchemy costs a start 0.3 s and is rarely needed

    try:
        await run(database_url, directory=migrations_directory(), direction=direction, revision=revision)
    except asyncpg.PostgresError as error:
        raise MigrationError(f"migrating to {revision} failed and left nothing behind: {error}") from error
