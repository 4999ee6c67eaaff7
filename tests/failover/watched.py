"""Three Valkeys and three sentinels, with the configuration that docs/deploy/sentinel holds."""

import asyncio
import shutil
import string
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.embedded.account import Account
from bot.core.embedded.binaries import find_binaries
from tests.kits.platform import eventually
from tests.kits.ports import free_port

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy" / "sentinel"
SERVICE = "gmbot"
PASSWORD = "for tests only"
_HOST = "127.0.0.1"
_COUNT = 3
_START_SECONDS = 30.0
_WHICH = ("SENTINEL GET-MASTER-ADDR-BY-NAME", SERVICE)
_AWAY = (RedisError, OSError, TimeoutError)


class Server:
    """A Valkey, or a sentinel."""

    def __init__(self, directory: Path, binary: Path) -> None:
        self.port = free_port()
        self.directory = directory
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"{_HOST}:{self.port}"

    def configure(self, name: str, **values: object) -> None:
        """Write its configuration from the deployment's."""
        text = string.Template((DEPLOY / name).read_text(encoding="utf-8")).substitute(
            HOST=_HOST, DATA=self.directory, PASSWORD=f'"{PASSWORD}"', **values
        )
        (self.directory / "server.conf").write_text(text, encoding="utf-8")

    def start(self, *arguments: str, before: Sequence[str] = ()) -> None:
        """Start it, by the command in `before` if there is one."""
        command = [*before, str(self._binary), str(self.directory / "server.conf"), *arguments]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Watched:
    """The servers and the sentinels that watch them."""

    def __init__(self, servers: Sequence[Server], sentinels: Sequence[Server]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """What stands in REDIS_URL."""
        places = ",".join(each.address for each in self.sentinels)
        return f"redis+sentinel://:{PASSWORD.replace(' ', '%20')}@{places}/{SERVICE}/0"

    def restart(self, server: Server) -> None:
        """Start a server again, as the deployment does."""
        sentinels = ",".join(each.address for each in self.sentinels)
        server.start(before=(sys.executable, str(DEPLOY / "start.py"), server.address, SERVICE, sentinels, "--"))

    async def role(self, server: Server) -> tuple[str, int]:
        """Return what a server says it is, and how many replicas follow it."""
        client = Redis(host=_HOST, port=server.port, password=PASSWORD, socket_timeout=1, socket_connect_timeout=1)
        try:
            info = await client.info("replication")
        except _AWAY:
            return "silent", 0
        finally:
            await client.aclose()
        return str(info["role"]), int(info["connected_slaves"])

    async def primary(self) -> Server:
        """Return the server that the first sentinel which answers takes for the primary."""
        for each in self.sentinels:
            client = Redis(host=_HOST, port=each.port, socket_timeout=1, socket_connect_timeout=1)
            try:
                found = await client.execute_command(*_WHICH)  # type: ignore[no-untyped-call]  # redis-py gives none
                _, port = cast("list[bytes]", found)
                return next(server for server in self.servers if server.port == int(port))
            except _AWAY:
                continue
            finally:
                await client.aclose()
        raise LookupError("no sentinel answers")

    async def until_complete(self, *, within: float = _START_SECONDS) -> None:
        """Wait until two replicas follow the primary."""

        async def complete() -> bool:
            return await self.role(await self.primary()) == ("master", _COUNT - 1)

        await eventually(complete, "two replicas follow the primary", within=within)

    async def fail_over(self) -> None:
        """Have a sentinel replace a healthy primary."""
        client = Redis(host=_HOST, port=self.sentinels[0].port)
        await client.sentinel_failover(SERVICE)
        await client.aclose()


@asynccontextmanager
async def watched_valkeys() -> AsyncIterator[Watched]:
    """Run a primary, two replicas and three sentinels."""
    home = Path(tempfile.mkdtemp(prefix="gmbot-sentinel-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        servers, sentinels = await asyncio.to_thread(_make, home)
        for each in (*servers, *sentinels):
            stack.callback(each.kill)
        watched, first = Watched(servers, sentinels), servers[0]
        first.start()
        for each in servers[1:]:
            each.start("--replicaof", _HOST, str(first.port))

        async def attached() -> bool:
            return await watched.role(first) == ("master", _COUNT - 1)

        await eventually(attached, "the replicas are attached", within=_START_SECONDS)
        for each in sentinels:
            each.start("--sentinel")
        await eventually(lambda: _agree(watched), "the sentinels know each other", within=_START_SECONDS)
        yield watched


async def _agree(watched: Watched) -> bool:
    """Whether each sentinel knows the others and the replicas."""
    for each in watched.sentinels:
        client = Redis(host=_HOST, port=each.port, socket_timeout=1, socket_connect_timeout=1)
        try:
            state = cast("dict[str, dict[str, Any]]", await client.sentinel_masters())[SERVICE]
        except (*_AWAY, KeyError):
            return False
        finally:
            await client.aclose()
        if (state["num-other-sentinels"], state["num-slaves"]) != (_COUNT - 1, _COUNT - 1):
            return False
    return True


def _make(home: Path) -> tuple[list[Server], list[Server]]:
    binary = find_binaries(servers=home, account=Account()).valkey
    made = []
    for number in range(2 * _COUNT):
        directory = home / str(number)
        directory.mkdir()
        made.append(Server(directory, binary))
    servers, sentinels = made[:_COUNT], made[_COUNT:]
    for each in servers:
        each.configure("redis.conf", PORT=each.port)
    for each in sentinels:
        each.configure("sentinel.conf", SENTINEL_PORT=each.port, FIRST_HOST=_HOST, FIRST_PORT=servers[0].port)
    return servers, sentinels
