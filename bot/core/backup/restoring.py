"""Turns backups back into a server's files, or into the rows of a database."""

import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import asyncpg

from bot.core.backup.catalogue import DATA, Catalogue
from bot.core.backup.packing import unpacked
from bot.core.backup.scratch import Login, Programs, give_to, scratch_server
from bot.core.backup.tools import Address, Source, Tools, run, writing
from bot.core.postgres.connecting import connect
from bot.core.waiting import Clock, in_thread
from bot.domain.backup import Backup, LogRange, chain_of, segment_number
from bot.domain.errors import BackupError, LiveTargetError

Tell = Callable[[str], None]
"""Hears what is done now."""

_LINKS_SINCE = 18
_CHUNK = 1024 * 1024
_TABLES = """
SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a restored database holds."""

    rows: Mapping[str, int]
    revision: str | None
    until: datetime | None
    """When the last transaction was committed that is in it; None where the log holds none after the backup."""


class Restorer:
    """Restores from one catalogue."""

    def __init__(self, *, catalogue: Catalogue, clock: Clock, tell: Tell = lambda _: None) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._tell = tell

    async def files(self, backup: Backup, into: Path, programs: Programs) -> LogRange:
        """Write the server's files as they were copied into `into`, which must not exist; return the log they need."""
        if backup.log is None:
            raise BackupError(f"{backup.name} is a dump; it is restored into a database")
        chain = self._chain(backup)
        await in_thread(partial(self._write_files, chain, into, programs))
        return backup.log

    @asynccontextmanager
    async def recovered(
        self, backup: Backup, data: Path, programs: Programs, *, to: datetime | None, durable: bool
    ) -> AsyncIterator[tuple[str, Recovered]]:
        """Run a server on restored files, with the log replayed as far as it goes, or to a moment; yield its URL."""
        if backup.log is None:
            raise BackupError(f"{backup.name} is a dump; it has no log")
        kept = data.with_name(f"{data.name}.log")
        try:
            await in_thread(partial(self._write_log, backup.log, kept, programs))
            (data / "recovery.signal").touch()
            give_to(data, programs.account)
            self._tell("replaying the log")
            async with scratch_server(
                data,
                programs,
                login=Login(backup.role, backup.database),
                clock=self._clock,
                # Once at the end is enough: what a crash spoils before that is not in use yet.
                settings=_recovery(backup.log, kept, to) | {"fsync": "off"},
            ) as url:
                self._tell("counting")
                yield url, await look_into(url)
            if durable:
                self._tell("writing it to the disk")
                await in_thread(partial(run, [programs.tools.program("initdb"), "--sync-only", f"--pgdata={data}"]))
        finally:
            shutil.rmtree(kept, ignore_errors=True)

    async def rows(self, backup: Backup, database_url: str, tools: Tools) -> Recovered:
        """Restore a dump into an empty database. Raises LiveTargetError for one that is not."""
        await refuse_unless_empty(database_url)
        self._tell("restoring rows")
        await in_thread(partial(self._write_rows, backup, database_url, tools))
        return await look_into(database_url)

    async def check(self, backup: Backup) -> tuple[int, int]:
        """Check a backup, what it rests on and its log; return bytes, and files of the log. Raises BackupError."""
        checked = 0
        for each in self._chain(backup):
            self._tell(f"checking {each.name}")
            checked += await in_thread(partial(self._catalogue.check, each))
        if backup.log is None:
            return checked, 0
        self._tell("checking the log")
        return checked, await in_thread(partial(self._check_log, backup.log))

    def _chain(self, backup: Backup) -> list[Backup]:
        try:
            return chain_of(backup, {each.name: each for each in self._catalogue.good()})
        except LookupError as error:
            raise BackupError(f"{backup.name} rests on {error}, which is not there") from error

    def _write_files(self, chain: list[Backup], into: Path, programs: Programs) -> None:
        if into.exists() or not into.parent.is_dir():
            raise BackupError(f"{into} cannot be made; name a directory that does not exist, in one that does")
        with tempfile.TemporaryDirectory(prefix=f"{into.name}.parts.", dir=into.parent) as parts:
            directories = []
            for number, backup in enumerate(chain):
                self._tell(f"unpacking {backup.name}")
                directory = Path(parts) / str(number)
                self._unpack(backup, directory)
                directories.append(directory)
            if len(directories) == 1:
                directories[0].replace(into)
                return
            self._tell("combining")
            link = ["--link"] if programs.tools.major >= _LINKS_SINCE else []
            run([programs.tools.program("pg_combinebackup"), *link, f"--output={into}", *map(str, directories)])

    def _unpack(self, backup: Backup, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        path, purpose = self._catalogue.file(backup.name, DATA), f"{backup.name}/{DATA}"
        with (
            unpacked(path, self._catalogue.sealer, purpose) as source,
            tarfile.open(fileobj=source, mode="r|", bufsize=_CHUNK) as tar,  # type: ignore[call-overload]  # reads
        ):
            # What 3.11.4 and newer ask for; before, there were no filters.
            tar.extraction_filter = getattr(tarfile, "tar_filter", None)
            tar.extractall(directory)  # noqa: S202 - what we have sealed ourselves
            while source.read(_CHUNK):
                """To the last piece, which says that nothing was cut off."""

    def _write_log(self, log: LogRange, into: Path, programs: Programs) -> None:
        """Open the files of the log, up to the first that is missing."""
        into.mkdir(mode=0o700)
        for name in self._segments(log):
            with self._segment(log, name) as source, (into / name).open("wb") as file:
                shutil.copyfileobj(source, file, _CHUNK)
        give_to(into, programs.account)

    def _check_log(self, log: LogRange) -> int:
        checked = 0
        for name in self._segments(log):
            with self._segment(log, name) as source:
                while source.read(_CHUNK):
                    """Reading is what checks it."""
            checked += 1
        return checked

    def _segment(self, log: LogRange, name: str) -> AbstractContextManager[Source]:
        path = self._catalogue.log_directory(log.system) / name
        return unpacked(path, self._catalogue.sealer, f"log/{log.system}/{name}")

    def _segments(self, log: LogRange) -> Iterator[str]:
        """Yield the files of the log up to the first that is missing."""
        expected: int | None = None
        for name in self._catalogue.log_segments(log):
            number = segment_number(name, log.segment_bytes)
            if expected not in {None, number}:
                return
            expected = number + 1
            yield name

    def _write_rows(self, backup: Backup, database_url: str, tools: Tools) -> None:
        address = Address.of(database_url)
        command = [
            *(tools.program("pg_restore"), "--dbname", address.dsn, "--no-password"),
            *("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"),
        ]
        path, purpose = self._catalogue.file(backup.name, DATA), f"{backup.name}/{DATA}"
        with (
            unpacked(path, self._catalogue.sealer, purpose) as source,
            writing(command, environment=address.environment) as sink,
        ):
            shutil.copyfileobj(source, sink, _CHUNK)


async def refuse_unless_empty(database_url: str) -> None:
    """Raise LiveTargetError for a database with tables in it."""
    try:
        connection = await connect(database_url, seconds=10)
        try:
            tables = await connection.fetch(_TABLES)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise BackupError(f"the database to restore into does not answer: {error}") from error
    if tables:
        raise LiveTargetError(
            f"the database holds {len(tables)} tables already; make an empty one and set DATABASE_URL to it"
        )


async def look_into(database_url: str) -> Recovered:
    """Count what a database holds."""
    connection = await connect(database_url, seconds=10)
    try:
        names = [row["name"] for row in await connection.fetch(_TABLES)]
        # The names come from the catalogue of the database itself, quoted where they need it.
        rows = {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in names}  # noqa: S608 - see above
        has_schema = "alembic_version" in rows
        return Recovered(
            rows=rows,
            revision=await connection.fetchval("SELECT version_num FROM alembic_version") if has_schema else None,
            until=await connection.fetchval("SELECT pg_last_xact_replay_timestamp()"),
        )
    finally:
        await connection.close()


def _recovery(log: LogRange, kept: Path, to: datetime | None) -> dict[str, str]:
    settings = {
        "restore_command": f'cp "{kept}/%f" "%p"',
        # What happened to the server after this backup, another restore for instance, is another story.
        "recovery_target_timeline": str(log.timeline),
    }
    if to is not None:
        settings |= {"recovery_target_time": to.isoformat(), "recovery_target_action": "promote"}
    return settings
