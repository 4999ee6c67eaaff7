"""A PostgreSQL of our own on files that were restored, reachable by nobody else."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import asyncpg

from bot.core.backup.tools import Tools
from bot.core.waiting import Clock, until
from bot.domain.errors import BackupError

if TYPE_CHECKING:
    # With servers of one's own it is never imported.
    from bot.core.embedded.account import Account

_PORT = 5432
_POLL_SECONDS = 0.05
_CONNECT_SECONDS = 5.0
_STOP_SECONDS = 60.0
_TAIL_BYTES = 3000
# What a server was configured for is of no use here: no modules, no listeners, no archive. Whoever reaches its socket
# is let in, which is this account and root.
_CONFIGURATION = """\
listen_addresses = ''
hot_standby = off
archive_mode = off
ssl = off
shared_preload_libraries = ''
wal_level = replica
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """What starts a server, and as whom."""

    tools: Tools
    account: "Account"


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks, and in which database."""

    role: str
    database: str


@asynccontextmanager
async def scratch_server(
    data: Path, programs: Programs, *, login: Login, clock: Clock, settings: Mapping[str, str]
) -> AsyncIterator[str]:
    """Start a server on `data`, wait until it takes changes, yield its URL, and stop it.

    Raises BackupError with what it said when it does not come up.
    """
    place = Path(tempfile.mkdtemp(prefix="gmbot-pg-"))
    try:
        _own_socket(place, programs.account, settings)
        log = place / "log"
        process = _start(data, place, programs, log)
        try:
            url = f"postgresql://{quote(login.role)}@/{quote(login.database)}?host={place}&port={_PORT}"
            await _until_writable(process, url, log, clock)
            yield url
        finally:
            await _stop(process, clock)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def give_to(tree: Path, account: "Account") -> None:
    """Give a tree to the account that will run a server on it."""
    tree.chmod(0o700)
    if account.uid is None:
        return
    for directory, _, files in os.walk(tree):
        account.own(Path(directory))
        for name in files:
            account.own(Path(directory) / name)


def _own_socket(place: Path, account: "Account", settings: Mapping[str, str]) -> None:
    lines = [f"{name} = '{_quoted(value)}'\n" for name, value in settings.items()]
    (place / "postgresql.conf").write_text(_CONFIGURATION + "".join(lines), encoding="utf-8")
    (place / "hba.conf").write_text("local all all trust\n", encoding="utf-8")
    (place / "ident.conf").touch()
    (place / "log").touch()
    give_to(place, account)


def _start(data: Path, place: Path, programs: Programs, log: Path) -> "subprocess.Popen[bytes]":
    options = {
        "config_file": place / "postgresql.conf",
        "hba_file": place / "hba.conf",
        "ident_file": place / "ident.conf",
        "unix_socket_directories": place,
        "port": _PORT,
    }
    account = programs.account
    with log.open("ab") as output:
        try:
            return subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                [
                    *(programs.tools.program("postgres"), "-D", str(data)),
                    *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
                ],
                cwd=place,
                env={"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=account.uid,
                group=account.gid,
                extra_groups=None if account.uid is None else [],
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise BackupError(f"postgres cannot be started: {error}") from error


async def _until_writable(process: "subprocess.Popen[bytes]", url: str, log: Path, clock: Clock) -> None:
    """Wait for the end of recovery, for as long as the server lives: a long log takes its time."""
    while not await _is_writable(url):
        if process.poll() is not None:
            raise BackupError(_reason(log))
        await clock.sleep(_POLL_SECONDS)


async def _is_writable(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise BackupError(f"the restored server does not have what the backup was made of: {error}") from error
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    try:
        return not await connection.fetchval("SELECT pg_is_in_recovery()")
    finally:
        await connection.close()


async def _stop(process: "subprocess.Popen[bytes]", clock: Clock) -> None:
    for how in (signal.SIGINT, signal.SIGQUIT):
        if process.poll() is None:
            process.send_signal(how)
        if await until(lambda: process.poll() is not None, clock=clock, timeout_seconds=_STOP_SECONDS):
            return
    process.kill()
    process.wait()


def _reason(log: Path) -> str:
    lines = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").splitlines()
    if any("before configured recovery target was reached" in line for line in lines):
        return "the log does not reach that moment; restore an earlier one, or leave out --to"
    said = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return f"the restored server does not start: {said[0] if said else ' | '.join(lines[-3:])}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
