"""The schema's revision: read it, bring it up, refuse one this code cannot live with.

Alembic and SQLAlchemy are imported only when the revision has to change.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg

from bot.core.clock import SystemClock
from bot.core.postgres.connecting import Connection, connect, unreachable
from bot.core.postgres.schema_errors import MigrationError, SchemaTooNewError, SchemaTooOldError

__all__ = ["MigrationError", "SchemaState", "SchemaTooNewError", "SchemaTooOldError", "ensure_schema", "read_state"]

# What a schema's min_code is compared with. Raise it with the release that can live with a breaking migration.
CODE_LEVEL = 2

HEAD = "head"
BASE = "base"

_LOCK_KEY = 0x67_6D_62_6F_74  # "gmbot"
_LOCK_TIMEOUT_SECONDS = 120
# Whoever starts an instance watches it; PostgreSQL says within it at least that it is starting up.
_CONNECT_TIMEOUT_SECONDS = 5
_ATTEMPTS = 5
_RETRY_SECONDS = 1.0


class Clock(Protocol):
    """What waiting for busy tables needs."""

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task."""
        ...


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
    package = Path(__file__).parents[2]
    shipped = package / "_migrations"
    return shipped if shipped.exists() else package.parent / "migrations"


async def read_state(database_url: str) -> SchemaState:
    """Ask a database where its schema stands."""
    return await _state(database_url, _revisions(migrations_directory()))


async def _nothing() -> None:
    """Do nothing before a migration."""


async def ensure_schema(
    database_url: str, *, migrate: bool, clock: Clock | None = None, before: Callable[[], Awaitable[None]] = _nothing
) -> SchemaState:
    """Make the schema fit for this instance, or raise SchemaTooNewError or SchemaTooOldError.

    A newer schema is welcome as long as it does not ask for newer code. `before` is called when there is a schema that
    will be migrated.
    """
    state = await read_state(database_url)
    if state.pending and migrate:
        if state.revision is not None:
            await before()
        state = await upgrade(database_url, clock=clock)
    if state.min_code > CODE_LEVEL:
        raise SchemaTooNewError(min_code=state.min_code, code_level=CODE_LEVEL)
    if state.pending:
        raise SchemaTooOldError(revision=state.revision, head=state.head)
    return state


async def upgrade(
    database_url: str, *, to: str = HEAD, directory: Path | None = None, clock: Clock | None = None
) -> SchemaState:
    """Run the migrations up to a revision; nothing when they have run. Raises MigrationError.

    `directory` holds other migrations than this release's.
    """
    migrations = _Migrations(directory or migrations_directory(), clock=clock or SystemClock())
    async with _alone(database_url):
        state = await _state(database_url, migrations.revisions())
        target = state.head if to == HEAD else to
        _require_known(target, state.known)
        if target in state.pending:
            await migrations.run(database_url, "upgrade", target)
        return await _state(database_url, migrations.revisions())


async def downgrade(
    database_url: str, *, to: str, directory: Path | None = None, clock: Clock | None = None
) -> SchemaState:
    """Undo the migrations after a revision; `base` undoes all of them. Raises MigrationError."""
    migrations = _Migrations(directory or migrations_directory(), clock=clock or SystemClock())
    async with _alone(database_url):
        state = await _state(database_url, migrations.revisions())
        _require_known(to, (BASE, *state.known))
        if state.is_newer:
            raise MigrationError(
                f"a newer release brought the schema to {state.revision}; only that one knows the way back"
            )
        if state.revision is not None and (to == BASE or to < state.revision):
            await migrations.run(database_url, "downgrade", to)
        return await _state(database_url, migrations.revisions())


class _Migrations:
    """A directory of migrations, and Alembic to run them."""

    def __init__(self, directory: Path, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def revisions(self) -> tuple[str, ...]:
        """Return the revisions, oldest first."""
        return _revisions(self._directory)

    async def run(self, database_url: str, direction: str, revision: str) -> None:
        """Go to a revision; tables that others hold for long are waited for in short turns."""
        from bot.core.postgres.alembic_runner import run  # noqa: PLC0415 - importing it costs every start what few need

        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                return await run(database_url, directory=self._directory, direction=direction, revision=revision)
            except asyncpg.LockNotAvailableError as error:
                if not attempts_left:
                    raise MigrationError(f"other sessions keep tables that {revision} changes busy") from error
            except asyncpg.PostgresError as error:
                raise MigrationError(f"migration {revision} failed and left nothing behind: {error}") from error
            await self._clock.sleep(_RETRY_SECONDS)
        return None


def _require_known(revision: str, known: tuple[str, ...]) -> None:
    if revision not in known:
        raise MigrationError(f"there is no revision {revision}; this release knows {', '.join(known)}")


@asynccontextmanager
async def _alone(database_url: str) -> AsyncIterator[None]:
    """Hold the lock of migrations; of instances that start together one migrates and the others wait."""
    connection = await _connect(database_url)
    try:
        # The lock lasts as long as a transaction, not a session, so that a connection pooler cannot keep it.
        async with connection.transaction():
            await _lock(connection)
            yield
    finally:
        await connection.close()


async def _lock(connection: Connection) -> None:
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'")
    try:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationError(f"another instance has been migrating for more than {_LOCK_TIMEOUT_SECONDS} s") from error


async def _connect(database_url: str) -> Connection:
    try:
        return await connect(database_url, seconds=_CONNECT_TIMEOUT_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
        raise unreachable(database_url, error) from error


async def _state(database_url: str, known: tuple[str, ...]) -> SchemaState:
    # Not on the connection that holds the lock: its transaction would keep the tables it reads from migrations.
    connection = await _connect(database_url)
    try:
        revision = None
        min_code = 0
        if await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        if await connection.fetchval("SELECT to_regclass('schema_requirements') IS NOT NULL"):
            min_code = await connection.fetchval("SELECT min_code FROM schema_requirements")
    finally:
        await connection.close()
    return SchemaState(revision=revision, min_code=min_code, known=known)


def _revisions(directory: Path) -> tuple[str, ...]:
    """Return the revisions, oldest first: a version's file starts with its number."""
    files = (directory / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(path.name.partition("_")[0] for path in files))
