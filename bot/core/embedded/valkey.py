"""The embedded Valkey."""

import signal
from functools import partial

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.embedded.account import Account
from bot.core.embedded.binaries import Binaries
from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.files import write_private
from bot.core.embedded.home import ServersHome
from bot.core.embedded.process import Daemon, choose_port, read_pid, send_signal
from bot.core.waiting import Clock, in_thread

_START_TIMEOUT_SECONDS = 60.0  # loading the append-only file
_STOP_TIMEOUT_SECONDS = 20.0
_PORT_ATTEMPTS = 3


class Valkey:
    """One server below the home, on a loopback port, with a password."""

    def __init__(self, *, home: ServersHome, account: Account, binaries: Binaries, durable: bool, clock: Clock) -> None:
        self._account = account
        self._binary = binaries.valkey
        self._durable = durable
        self._clock = clock
        self._password = home.secret("valkey")
        self._directory = home.directory("valkey", account)
        self._daemon = Daemon(name="Valkey", directory=self._directory, account=account, clock=clock)
        self._port_file = home.root / "valkey.port"
        self._pid_file = self._directory / "valkey.pid"

    async def ensure_running(self) -> str:
        """Adopt or start the server and return its URL."""
        port = await self._wait_answering() or await self._start()
        return f"redis://:{self._password}@127.0.0.1:{port}/0"

    def is_alive(self) -> bool:
        """Say whether the server runs; ask under the home's lock."""
        return self._daemon.is_alive()

    async def stop(self) -> None:
        """Stop cleanly; when that takes too long, as after a crash."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            if (pid := read_pid(self._pid_file)) is not None and self._daemon.is_alive():
                send_signal(pid, how)
            if await self._daemon.wait_gone(_STOP_TIMEOUT_SECONDS):
                return
        raise EmbeddedUnavailableError(f"Valkey in {self._directory} does not stop")

    async def _start(self) -> int:
        for _ in range(_PORT_ATTEMPTS):
            config = self._directory / "valkey.conf"
            write_private(config, self._config(choose_port(self._port_file)))
            await in_thread(partial(self._daemon.spawn, (str(self._binary), str(config))))
            if (port := await self._wait_answering()) is not None:
                return port
        raise EmbeddedUnavailableError(f"Valkey does not start: {self._daemon.last_words()}")

    async def _wait_answering(self) -> int | None:
        """Return the port of the running server once it answers; None when it does not run."""
        deadline = self._clock.monotonic() + _START_TIMEOUT_SECONDS
        while self._daemon.is_alive():
            port = read_pid(self._port_file)
            if port is not None and await self._answers(port):
                return port
            if self._clock.monotonic() >= deadline:
                raise EmbeddedUnavailableError(f"Valkey in {self._directory} runs but does not answer")
            await self._clock.sleep(0.01)
        return None

    async def _answers(self, port: int) -> bool:
        client = Redis(host="127.0.0.1", port=port, password=self._password, socket_timeout=5, socket_connect_timeout=5)
        try:
            return bool(await client.ping())
        except (OSError, RedisError):
            return False
        finally:
            await client.aclose()

    def _config(self, port: int) -> str:
        """Return the configuration; in a file, because every user of the machine sees command lines.

        Paths are relative to the directory it starts in.
        """
        lines = (
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {self._password}",
            f"pidfile {self._pid_file.name}",
            f"appendonly {'yes' if self._durable else 'no'}",
            "appendfsync everysec",
            'save ""',
        )
        return "\n".join(lines) + "\n"
