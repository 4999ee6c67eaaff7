"""Makes backups: a copy of the server's files, what changed in them since the last one, or a dump."""

import asyncio
import json
import secrets
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event

import asyncpg
import structlog

from bot.core.backup.catalogue import DATA, INDEX, Catalogue
from bot.core.backup.packing import Sink, packed, unpacked
from bot.core.backup.tools import Address, Source, Tools, find_tools, reading
from bot.core.clock import SystemClock
from bot.core.postgres.connecting import connect, unreachable
from bot.domain.backup import Backup, Kind, LogRange, Why, parent_for
from bot.domain.errors import BackupError

Progress = Callable[[int, int], None]
"""Hears how many bytes of how many are done; the second is an estimate."""

_CHUNK = 1024 * 1024
_SUMMARIES_SINCE = 170_000
_INDEX_IN_TAR = "backup_manifest"
# In whatever language the server speaks.
_KEPT_OUT = "pg_hba.conf"
_FACTS = """
SELECT current_setting('server_version_num')::int AS version,
       (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may_copy,
       (SELECT system_identifier::text FROM pg_control_system()) AS system,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       coalesce(current_setting('summarize_wal', true), 'off') = 'on' AS summarizes,
       pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes,
       pg_is_in_recovery() AS standby,
       pg_database_size(current_database()) AS bytes,
       (SELECT sum(pg_database_size(oid))::bigint FROM pg_database) AS all_bytes,
       current_database() AS database, current_user AS role,
       to_regclass('alembic_version') IS NOT NULL AS has_schema
"""

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Server:
    """What a server says of itself."""

    version: int
    may_copy: bool
    """The role may read all files and the log."""
    system: str
    timeline: int
    summarizes: bool
    segment_bytes: int
    standby: bool
    bytes: int
    all_bytes: int
    database: str
    role: str
    revision: str | None

    @property
    def major(self) -> int:
        """The major version."""
        return self.version // 10000


async def ask_server(database_url: str) -> Server:
    """Ask a server what a backup of it can be. Raises StoreUnavailableError."""
    try:
        connection = await connect(database_url, seconds=10)
        try:
            facts = dict(await connection.fetchrow(_FACTS) or {})
            has_schema = facts.pop("has_schema")
            revision = await connection.fetchval("SELECT version_num FROM alembic_version") if has_schema else None
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise unreachable(database_url, error) from error
    return Server(**facts, revision=revision)


class BackupMaker:
    """Makes one backup at a time."""

    def __init__(self, *, database_url: str, catalogue: Catalogue, release: str, clock: SystemClock) -> None:
        self._url = database_url
        self._catalogue = catalogue
        self._release = release
        self._clock = clock

    async def create(self, why: Why, *, kind: Kind | None = None, progress: Progress = lambda *_: None) -> Backup:
        """Make a backup; by default of the best kind that is possible. Raises BackupError, StoreUnavailableError."""
        server = await ask_server(self._url)
        parent = self._parent(server) if kind in {None, Kind.INCREMENTAL} else None
        chosen = kind or (Kind.DUMP if not server.may_copy else Kind.FULL if parent is None else Kind.INCREMENTAL)
        if chosen is not Kind.DUMP and not server.may_copy:
            raise BackupError("the role may only dump: copying files needs ALTER ROLE ... REPLICATION")
        if chosen is Kind.INCREMENTAL and parent is None:
            raise BackupError("there is no backup that an incremental one could rest on; make a full one")
        job = _Job(server, chosen, why, parent, self._clock.now())
        try:
            return await self._off_the_loop(job, progress)
        except BackupError as error:
            if kind is not None or chosen is Kind.DUMP:
                raise
            # Whoever may copy by its role may be kept out by pg_hba.conf, where `replication` is no database's name.
            kept_out = _KEPT_OUT in str(error)
            if chosen is Kind.FULL and not kept_out:
                raise
            # The server may have lost the summaries that it needs: what always works is a copy of everything.
            simpler = Kind.DUMP if kept_out else Kind.FULL
            log.warning("backup.not_as_good", wanted=chosen.value, made=simpler.value, error=str(error))
            return await self._off_the_loop(_Job(server, simpler, why, None, self._clock.now()), progress)

    def _parent(self, server: Server) -> Backup | None:
        if server.version < _SUMMARIES_SINCE or not server.summarizes:
            return None
        known = self._catalogue.good()
        return parent_for(known, system=server.system, timeline=server.timeline, now=self._clock.now())

    async def _off_the_loop(self, job: "_Job", progress: Progress) -> Backup:
        halted = Event()
        work = asyncio.get_running_loop().run_in_executor(None, self._make, job, progress, halted)
        try:
            return await asyncio.shield(work)
        except OSError as error:
            raise BackupError(f"it could not be written: {error}") from error
        except asyncio.CancelledError:
            halted.set()
            await asyncio.wait([work])
            raise

    def _make(self, job: "_Job", progress: Progress, halted: Event) -> Backup:
        name = f"{job.begun_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        make = self._dump if job.kind is Kind.DUMP else self._copy
        with self._catalogue.draft() as draft:
            log_range = make(job, _Place(draft, name), progress, halted)
            backup = Backup(
                name=name,
                kind=job.kind,
                why=job.why,
                begun_at=job.begun_at,
                ended_at=self._clock.now(),
                size=sum(path.stat().st_size for path in draft.iterdir()),
                database=job.server.database,
                role=job.server.role,
                server_version=job.server.version,
                revision=job.server.revision,
                release=self._release,
                parent=None if job.parent is None else job.parent.name,
                log=log_range,
            )
            self._catalogue.finish(draft, backup)
        return backup

    def _dump(self, job: "_Job", place: "_Place", progress: Progress, halted: Event) -> None:
        address, tools = Address.of(self._url), find_tools(job.server.major, exact=False)
        # Compressed here, with everything else.
        command = [
            tools.program("pg_dump"),
            "--dbname",
            address.dsn,
            "--format=custom",
            "--compress=0",
            "--no-password",
        ]
        with (
            reading(command, environment=address.environment, halted=halted) as source,
            packed(place.path(DATA), self._catalogue.sealer, place.purpose(DATA)) as sink,
        ):
            tee = _Tee(source, sink, lambda done: progress(done, job.server.bytes))
            tee.drain()

    def _copy(self, job: "_Job", place: "_Place", progress: Progress, halted: Event) -> LogRange:
        tools = find_tools(job.server.major, exact=job.kind is Kind.INCREMENTAL)
        with tempfile.TemporaryDirectory(prefix="gmbot-backup-") as scratch:
            options = self._resting_on(job.parent, Path(scratch))
            index = self._receive(job, tools, options, place, progress, halted)
        with packed(place.path(INDEX), self._catalogue.sealer, place.purpose(INDEX)) as sink:
            sink.write(index)
        last = json.loads(index)["WAL-Ranges"][-1]
        return LogRange(
            system=job.server.system,
            timeline=last["Timeline"],
            start=_position(last["Start-LSN"]),
            end=_position(last["End-LSN"]),
            segment_bytes=job.server.segment_bytes,
        )

    def _resting_on(self, parent: Backup | None, scratch: Path) -> list[str]:
        """Return the option that makes a backup incremental, for which the parent's list of files is needed."""
        if parent is None:
            return []
        index = scratch / "index"
        with (
            unpacked(
                self._catalogue.file(parent.name, INDEX), self._catalogue.sealer, f"{parent.name}/{INDEX}"
            ) as kept,
            index.open("wb") as file,
        ):
            file.write(kept.read())
        return [f"--incremental={index}"]

    def _receive(
        self, job: "_Job", tools: Tools, options: list[str], place: "_Place", progress: Progress, halted: Event
    ) -> bytes:
        """Seal what the server sends, with the log that makes it whole; return the list of its files."""
        address = Address.of(self._url)
        command = [
            *(tools.program("pg_basebackup"), "--dbname", address.dsn, "--no-password"),
            *("--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", *options),
        ]
        index = b""
        with (
            reading(command, environment=address.environment, halted=halted) as source,
            packed(place.path(DATA), self._catalogue.sealer, place.purpose(DATA)) as sink,
        ):
            tee = _Tee(source, sink, lambda done: progress(done, job.server.all_bytes))
            try:
                with tarfile.open(fileobj=tee, mode="r|", bufsize=_CHUNK) as tar:  # type: ignore[call-overload]  # reads
                    for member in tar:
                        if member.name == _INDEX_IN_TAR and (file := tar.extractfile(member)) is not None:
                            index = file.read()
            except tarfile.ReadError:
                # It broke off; the program's own words are the better ones.
                log.debug("backup.broken_off")
            tee.drain()
        if not index:
            raise BackupError("pg_basebackup sent no list of files")
        return index


@dataclass(frozen=True, slots=True)
class _Job:
    server: Server
    kind: Kind
    why: Why
    parent: Backup | None
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a backup is written, and the name it will have."""

    draft: Path
    name: str

    def path(self, part: str) -> Path:
        return self.draft / part

    def purpose(self, part: str) -> str:
        return f"{self.name}/{part}"


class _Tee:
    """Keeps what somebody reads."""

    def __init__(self, source: Source, sink: Sink, progress: Callable[[int], None]) -> None:
        self._source = source
        self._sink = sink
        self._progress = progress
        self._done = 0

    def read(self, size: int = _CHUNK) -> bytes:
        data = self._source.read(size)
        self._sink.write(data)
        self._done += len(data)
        self._progress(self._done)
        return data

    def drain(self) -> None:
        """Keep the rest, too."""
        while self.read(_CHUNK):
            pass


def _position(lsn: str) -> int:
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
