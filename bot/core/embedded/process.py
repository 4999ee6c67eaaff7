"""One server process that outlives its starter."""

import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from bot.core.embedded.account import Account
from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.files import open_log, write_private
from bot.core.embedded.locking import FileLock, is_locked
from bot.core.waiting import Clock, until

_LOG_LIMIT_BYTES = 4 * 1024 * 1024
_TAIL_BYTES = 2000


class Daemon:
    """A program in a session of its own.

    It inherits a locked descriptor and so do its children: whether it lives is a question to the kernel,
    which no stale pid, reused pid or zombie can answer wrongly.
    """

    def __init__(self, *, name: str, directory: Path, account: Account, clock: Clock) -> None:
        self._name = name
        self._directory = directory
        self._account = account
        self._clock = clock
        self._alive = directory.with_name(f"{directory.name}.alive")
        self._log = directory.with_name(f"{directory.name}.log")

    def is_alive(self) -> bool:
        """Say whether the program or a child of it still runs."""
        return is_locked(self._alive)

    def spawn(self, command: Sequence[str]) -> None:
        """Start the program; the caller holds the home's lock and has found it not alive."""
        lock = FileLock(self._alive)
        if not lock.try_acquire():
            raise EmbeddedUnavailableError(f"{self._name} is already running in {self._directory}")
        try:
            with open_log(self._log, limit_bytes=_LOG_LIMIT_BYTES) as log:
                process = subprocess.Popen(  # noqa: S603 - our own programs and arguments
                    command,
                    cwd=self._directory,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=[lock.descriptor],
                    user=self._account.uid,
                    group=self._account.gid,
                    extra_groups=None if self._account.uid is None else [],
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedUnavailableError(f"{self._name} cannot be started: {error}") from error
        finally:
            lock.release()
        # Takes the exit status whenever it comes, so that no zombie keeps the pid.
        threading.Thread(target=process.wait, name=f"reap-{self._name}", daemon=True).start()

    async def wait_gone(self, timeout_seconds: float) -> bool:
        """Wait for the program and its children to end; False when time ran out."""
        return await until(lambda: not self.is_alive(), clock=self._clock, timeout_seconds=timeout_seconds)

    def last_words(self) -> str:
        """Return the end of its log in one line."""
        return " | ".join(self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").split("\n")[-6:]).strip(" |")


def run_to_end(command: Sequence[str], *, account: Account, directory: Path) -> None:
    """Run a preparing program, with what it said as the error when it fails."""
    try:
        result = subprocess.run(  # noqa: S603 - our own programs and arguments
            command,
            cwd=directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            check=False,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedUnavailableError(f"{Path(command[0]).name} cannot be started: {error}") from error
    if result.returncode != 0:
        said = (result.stderr or result.stdout).decode(errors="replace").strip().replace("\n", " | ")
        raise EmbeddedUnavailableError(f"{Path(command[0]).name} failed: {said[-_TAIL_BYTES:]}")


def read_pid(path: Path) -> int | None:
    """Return the process id in the first line of a file, if there is one."""
    try:
        return int(path.read_text(encoding="utf-8").partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def send_signal(pid: int, signal_number: int) -> None:
    """Signal a process that may have ended meanwhile."""
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return


def choose_port(recorded: Path) -> int:
    """Return the port of earlier starts, which clients may still know, or another free one."""
    earlier = read_pid(recorded)
    port = earlier if earlier is not None and _is_free(earlier) else _any_free_port()
    write_private(recorded, f"{port}\n")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """Return an environment of our own: PGPORT and the like of the caller must not reach the servers."""
    return {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}
