"""Connections of the optimizer, and its questions to PostgreSQL's own tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from bot.core.postgres.connecting import Connection, connect, several, unreachable
from bot.core.postgres.statements import load_statements

__all__ = ["Connection", "catalog", "connected", "database_named"]


@asynccontextmanager
async def connected(database_url: str, *, read_only: bool = False) -> AsyncIterator[Connection]:
    """Connect for the time of the block. A read-only connection cannot change anything, whatever is asked of it."""
    settings = {"application_name": "gmbot db_optimizer", "search_path": "public"}
    if read_only:
        settings["default_transaction_read_only"] = "on"
    try:
        # "read-write" would refuse the session that is made read-only here.
        target = SessionAttribute.primary if several(database_url) else None
        connection = await connect(database_url, seconds=10, settings=settings, target=target)
    except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
        raise unreachable(database_url, error) from error
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


def catalog(name: str) -> str:
    """Return a question to PostgreSQL's own tables."""
    return load_statements("bot.utils.optimizer")[name]


def database_named(database_url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(database_url)._replace(path=f"/{name}").geturl()
