"""Alembic on an asyncpg connection, in one transaction. Imported only when a migration has to run."""

from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.core.postgres.connecting import connect

# A statement that waits for a table makes everybody else wait behind it, so it does not wait for long.
_SETTINGS = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '5s'"
_CONNECT_SECONDS = 10.0


async def run(database_url: str, *, directory: Path, direction: str, revision: str) -> None:
    """Upgrade or downgrade to a revision, wholly or not at all. Raises what asyncpg raises."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # The driver reads the URL itself: several hosts, sslmode and the rest mean what they mean elsewhere.
        async_creator=partial(connect, database_url, seconds=_CONNECT_SECONDS),
        poolclass=NullPool,
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(partial(_run, directory=directory, direction=direction, revision=revision))
    finally:
        await engine.dispose()


def _run(connection: Connection, *, directory: Path, direction: str, revision: str) -> None:
    # SQLAlchemy opens its transaction with the first statement of its own, and the driver's go into it.
    connection.exec_driver_sql("SELECT 1")
    _execute(connection, _SETTINGS)
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["run_sql"] = partial(_run_file, connection, directory / "sql")
    if direction == "upgrade":
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)


def _run_file(connection: Connection, directory: Path, name: str) -> None:
    _execute(connection, (directory / name).read_text(encoding="utf-8"))


def _execute(connection: Connection, script: str) -> None:
    """Run a script of many statements through the driver, which SQLAlchemy's prepared statements cannot."""
    driver = connection.connection.dbapi_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    driver.run_async(lambda raw: raw.execute(script))
