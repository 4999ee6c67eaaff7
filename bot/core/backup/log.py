"""Keeps the log: received from the server as it is written, sealed, and put beside the backups.

The server holds what has not been received yet in a replication slot. What an instance had received and not put away
when its host died is missing afterwards; then a new backup is made at once, because the earlier ones end at the gap.
"""

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

import asyncpg
import structlog

from bot.core.backup.catalogue import Catalogue
from bot.core.backup.making import Server, ask_server
from bot.core.backup.packing import packed
from bot.core.backup.tools import Address, Tools, find_tools
from bot.core.clock import SystemClock
from bot.core.postgres.connecting import connect
from bot.core.waiting import in_thread
from bot.domain.backup import segment_number
from bot.domain.errors import BackupError, StoreUnavailableError

SLOT = "gmbot_backup"

_TICK_SECONDS = 0.5
# A file of the log that is still being written is put away so often: this and little more goes with a lost server.
UNFINISHED_SECONDS = 10.0
_UNFINISHED = ".partial"
_DRAFT = ".draft"
_END_SECONDS = 5.0
_NAME_LETTERS = 24
_CHUNK = 1024 * 1024
_STATE = "SELECT wal_status, active FROM pg_replication_slots WHERE slot_name = $1"
_HELD = """
SELECT active, CASE WHEN pg_is_in_recovery() THEN 0 ELSE
         coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) END::bigint AS bytes
FROM pg_replication_slots WHERE slot_name = $1
"""
_DROP = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active"
_WRITTEN = "SELECT pg_current_wal_flush_lsn()::text"
_RECEIVED = "SELECT coalesce(restart_lsn >= $2::text::pg_lsn, false) FROM pg_replication_slots WHERE slot_name = $1"
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

log = structlog.stdlib.get_logger()


class LogKeeper:
    """Receives the log of one server into `spool` and puts it away, until cancelled."""

    def __init__(
        self,
        *,
        database_url: str,
        catalogue: Catalogue,
        spool: Path | None,
        clock: SystemClock,
        on_gap: Callable[[], None],
        every_seconds: float = UNFINISHED_SECONDS,
    ) -> None:
        self._every_seconds = every_seconds
        self._url = database_url
        self._catalogue = catalogue
        self._spool = spool
        self._clock = clock
        self._on_gap = on_gap
        self._kept_until: datetime | None = None

    @property
    def kept_until(self) -> datetime | None:
        """Everything that was committed before this moment has been put away."""
        return self._kept_until

    async def run(self) -> None:
        """Keep the log. Raises BackupError, StoreUnavailableError when the server, or a program, is away."""
        server = await ask_server(self._url)
        tools = find_tools(server.major, exact=False, program="pg_receivewal")
        with ExitStack() as stack:
            # Without a place of its own what was not put away is received once more.
            root = self._spool or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gmbot-log-")))
            spool = root / server.system
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._receive(server, tools, spool)

    async def _receive(self, server: Server, tools: Tools, spool: Path) -> None:
        shelf = _Shelf(self._catalogue, spool, server.system, server.segment_bytes, self._on_gap)
        try:
            connection = await connect(self._url, seconds=5, settings={"application_name": "gmbot backup"})
            try:
                await self._free_the_slot(connection)
                command = [tools.program("pg_receivewal"), "--dbname", Address.of(self._url).dsn, f"--slot={SLOT}"]
                await self._command([*command, "--create-slot", "--if-not-exists", "--no-password"])
                receive = [*command, f"--directory={spool}", "--no-loop", "--synchronous", "--no-password"]
                async with self._receiving(receive) as process:
                    await self._put_away(process, connection, shelf)
            finally:
                connection.terminate()
        except _AWAY as error:
            raise StoreUnavailableError(f"the log is not kept: {error}") from error

    async def _put_away(self, process: asyncio.subprocess.Process, connection: _Connection, shelf: "_Shelf") -> None:
        written, at = await connection.fetchval(_WRITTEN, timeout=_END_SECONDS), self._clock.now()
        unfinished_at = 0.0
        try:
            while process.returncode is None:
                await self._clock.sleep(_TICK_SECONDS)
                received = await connection.fetchval(_RECEIVED, SLOT, written, timeout=_END_SECONDS)
                due = self._clock.monotonic() >= unfinished_at
                await in_thread(partial(shelf.put_away, unfinished=due))
                if due and received:
                    self._kept_until = at
                    unfinished_at = self._clock.monotonic() + self._every_seconds
                    written, at = await connection.fetchval(_WRITTEN, timeout=_END_SECONDS), self._clock.now()
        finally:
            # Whoever ends puts away what has come so far.
            await in_thread(partial(shelf.put_away, unfinished=True))
        said = b"" if process.stderr is None else await process.stderr.read()
        raise StoreUnavailableError(f"the log is not received: {said.decode(errors='replace').strip()[-500:]}")

    async def _free_the_slot(self, connection: _Connection) -> None:
        """Drop a slot whose log the server could not hold any longer: a new one begins where it is now."""
        state = await connection.fetchrow(_STATE, SLOT)
        if state is not None and state["wal_status"] == "lost":
            log.warning("backup.log_lost")
            await connection.fetch(_DROP, SLOT)

    async def _command(self, command: list[str]) -> None:
        async with self._receiving(command) as process:
            _, said = await process.communicate()
            if process.returncode != 0:
                raise BackupError(f"pg_receivewal failed: {said.decode(errors='replace').strip()[-500:]}")

    @asynccontextmanager
    async def _receiving(self, command: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(Address.of(self._url).environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(_END_SECONDS):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()


async def release_slot(database_url: str) -> bool:
    """Let the server forget the log that is held for nobody; say whether there was a slot."""
    connection = await connect(database_url, seconds=5)
    try:
        return bool(await connection.fetch(_DROP, SLOT))
    finally:
        await connection.close()


async def slot_state(database_url: str) -> tuple[bool, int] | None:
    """Say whether the log is being received and how many bytes of it are held; None without a slot."""
    connection = await connect(database_url, seconds=5)
    try:
        row = await connection.fetchrow(_HELD, SLOT)
        return None if row is None else (row["active"], row["bytes"])
    finally:
        await connection.close()


class _Shelf:
    """Seals files of the log, each under its own name; one that was unfinished is replaced."""

    def __init__(
        self, catalogue: Catalogue, spool: Path, system: str, segment_bytes: int, on_gap: Callable[[], None]
    ) -> None:
        self._catalogue = catalogue
        self._spool = spool
        self._system = system
        self._segment_bytes = segment_bytes
        self._on_gap = on_gap
        self._unfinished: tuple[str, int] | None = None
        self._last: str | None = None

    def put_away(self, *, unfinished: bool) -> None:
        """Put away what is finished, and with `unfinished` what is not, as far as it has come."""
        for path in sorted(path for path in self._spool.iterdir() if len(path.name) == _NAME_LETTERS):
            self._seal(path, path.name)
            path.unlink()
        for path in self._spool.glob(f"*{_UNFINISHED}") if unfinished else ():
            state = (path.name, path.stat().st_mtime_ns)
            if state != self._unfinished:
                self._seal(path, path.name.removesuffix(_UNFINISHED))
                self._unfinished = state

    def _seal(self, path: Path, name: str) -> None:
        if self._last != name:
            self._notice_gap(name)
            self._last = name
        shelf = self._catalogue.log_directory(self._system)
        draft = shelf / f"{name}{_DRAFT}"
        draft.unlink(missing_ok=True)
        with (
            path.open("rb") as source,
            packed(draft, self._catalogue.sealer, f"log/{self._system}/{name}") as sink,
        ):
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
        draft.replace(shelf / name)

    def _notice_gap(self, name: str) -> None:
        """Ask for a backup when this file follows on nothing: on no backup of this server, nor on a file before it."""
        timeline, number = name[:8], segment_number(name, self._segment_bytes)
        ends = [
            log_range.segments()[1]
            for backup in self._catalogue.good()
            if (log_range := backup.log) is not None and log_range.system == self._system
        ]
        there = [path.name for path in self._catalogue.log_directory(self._system).glob(f"{timeline}*")]
        before = [
            segment_number(each, self._segment_bytes)
            for each in (*ends, *there)
            if each[:8] == timeline and len(each) == _NAME_LETTERS
        ]
        if not before or max(before) + 1 < number:
            log.warning("backup.log_gap" if before else "backup.log_begins", segment=name)
            self._on_gap()
