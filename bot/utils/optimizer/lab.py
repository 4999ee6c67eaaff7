"""A PostgreSQL of the optimizer's own, in a temporary directory: what is seeded and torn down there is nobody's."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.core.postgres.migrations import upgrade
from bot.utils.optimizer.connecting import catalog, connected, database_named
from bot.utils.optimizer.scale import Scale
from bot.utils.optimizer.seeding import Index, Progress, copy_rows, drop_indexes, make_indexes

_STALE = "stale"
_SETTINGS = (
    # What is measured is to be all that runs.
    "ALTER SYSTEM SET autovacuum = off",
    "ALTER SYSTEM SET max_wal_size = '8GB'",
    "ALTER SYSTEM SET checkpoint_timeout = '1h'",
    "SELECT pg_reload_conf()",
)


@dataclass(frozen=True, slots=True)
class Lab:
    """Two databases with the same rows: GMBot's, and one without any index or constraint."""

    database_url: str
    naive_url: str
    redis_url: str
    indexes: tuple[Index, ...]
    """Not made yet, so that the caller may watch."""

    async def make_indexes(self) -> None:
        """Make the indexes of GMBot's database."""
        async with connected(self.database_url) as connection:
            await make_indexes(connection, self.indexes)
            await connection.execute("VACUUM")

    async def analyze(self) -> None:
        """Collect statistics, and keep a copy that has none. Nobody may be connected to the database."""
        async with connected(self.named("postgres")) as connection:
            await connection.execute(f"CREATE DATABASE {_STALE} TEMPLATE seeded STRATEGY file_copy", timeout=600)
        async with connected(self.database_url) as connection:
            await connection.execute("ANALYZE", timeout=600)

    @property
    def stale_url(self) -> str:
        """The copy without statistics."""
        return self.named(_STALE)

    def named(self, name: str) -> str:
        """Return the URL of another database of this server."""
        return database_named(self.database_url, name)


@asynccontextmanager
async def laboratory(scale: Scale, *, progress: Progress) -> AsyncIterator[Lab]:
    """Seed both databases. Raises EmbeddedUnavailableError where no embedded server can run."""
    from bot.core.embedded import embedded_servers  # noqa: PLC0415 - an installation may lack the wheels

    with _own_directory() as directory:
        async with embedded_servers(home=directory / "home") as servers:
            url = database_named(servers.database_url, "seeded")
            naive_url = database_named(servers.database_url, "naive")
            async with connected(servers.database_url) as connection:
                for statement in _SETTINGS:
                    await connection.execute(statement)
                await connection.execute("CREATE DATABASE seeded")
            await upgrade(url)
            async with connected(url) as connection:
                indexes = await drop_indexes(connection)
                await copy_rows(connection, scale, progress=progress)
            progress("naive copy", 0)
            async with connected(servers.database_url) as connection:
                await connection.execute("CREATE DATABASE naive TEMPLATE seeded STRATEGY file_copy", timeout=600)
            await _strip(naive_url)
            yield Lab(url, naive_url, servers.redis_url, tuple(indexes))


@contextmanager
def _own_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gmbot-lab-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        # As root the servers run as another user, who has to get there.
        directory.chmod(0o711)
        yield directory


async def _strip(naive_url: str) -> None:
    async with connected(naive_url) as connection:
        for row in await connection.fetch(catalog("constraints")):
            await connection.execute(f"ALTER TABLE {row['table_name']} DROP CONSTRAINT {row['name']} CASCADE")
        await connection.execute("VACUUM (ANALYZE)", timeout=600)
