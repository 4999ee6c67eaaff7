"""Three nodes of PostgreSQL under Patroni, from wheels, with the configuration that docs/deploy/patroni holds.

Two things differ from a deployment: all nodes are on this machine, and agree by Patroni's own Raft instead of etcd.
"""

import asyncio
import os
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bot.core.embedded.account import Account
from bot.core.embedded.binaries import find_binaries
from bot.core.embedded.home import ensure_home
from bot.core.embedded.process import read_pid
from tests.kits.platform import eventually
from tests.kits.ports import free_port

TEMPLATE = Path(__file__).parents[2] / "docs" / "deploy" / "patroni" / "patroni.yml"
AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_HOST = "127.0.0.1"
_NODES = 3
_PASSWORD = "for tests only"
_START_SECONDS = 60.0

_REPLICAS = """
SELECT application_name AS name, sync_state, state,
       extract(epoch FROM coalesce(replay_lag, interval '0'))::float8 AS lag
FROM pg_stat_replication WHERE state = 'streaming' ORDER BY name
"""


@dataclass(frozen=True)
class Replica:
    """A replica, as the primary sees it."""

    name: str
    synchronous: bool
    lag_seconds: float


class Node:
    """A Patroni and its PostgreSQL."""

    def __init__(self, name: str, directory: Path, account: Account) -> None:
        self.name = name
        self.directory = directory
        self.port, self.api_port, self.raft_port = free_port(), free_port(), free_port()
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, binaries: Path, peers: Sequence["Node"], *, durable: bool) -> None:
        """Write its configuration. Without `durable` nothing is synced to the disk: a power cut would tell."""
        text = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
            NAME=self.name,
            HOST=_HOST,
            PG_PORT=self.port,
            API_PORT=self.api_port,
            DATA=self.directory,
            BIN=binaries,
            ETCD="",
            SUPERUSER_PASSWORD=_PASSWORD,
            REPLICATION_PASSWORD=_PASSWORD,
            REWIND_PASSWORD=_PASSWORD,
        )
        before, _, rest = text.partition("etcd3:")
        _, _, after = rest.partition("# end of dcs")
        if not durable:
            after = after.replace("    - data-checksums", "    - data-checksums\n    - no-sync")
            after = after.replace("  parameters:\n    unix", "  parameters:\n    fsync: 'off'\n    unix")
        partners = ", ".join(f"'{_HOST}:{peer.raft_port}'" for peer in peers if peer is not self)
        raft = f"raft:\n  data_dir: {self.directory}/raft\n  self_addr: {_HOST}:{self.raft_port}\n"
        (self.directory / "patroni.yml").write_text(f"{before}{raft}  partner_addrs: [{partners}]\n{after}")

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        command = [sys.executable, "-m", "patroni", str(self.directory / "patroni.yml")]
        if self._account.uid is not None:
            # The interpreter may be in root's home, where nobody else may go: this one right is kept for that.
            right = "--inh-caps=+dac_override", "--ambient-caps=+dac_override"
            who = f"--reuid={self._account.uid}", f"--regid={self._account.gid}", "--clear-groups"
            command = ["setpriv", *who, *right, *command]
        with (self.directory / "patroni.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def kill_postgres(self) -> None:
        """End PostgreSQL as a crash would; Patroni lives and sees it."""
        if (pid := self._postmaster()) is not None:
            _kill(pid)

    def kill(self) -> None:
        """End everything on the node at once, as a power cut would."""
        if self._process is not None:
            _kill(self._process.pid)
        self.kill_postgres()
        if self._process is not None:
            self._process.wait()
            self._process = None

    async def stop(self) -> None:
        """Stop Patroni and PostgreSQL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, 10)
        self.kill()

    async def ask(self, query: str, *values: object, database: str = "postgres") -> list[asyncpg.Record]:
        """Ask its PostgreSQL. Raises one of `AWAY` when there is none."""
        connection = await asyncpg.connect(
            host=_HOST, port=self.port, user="postgres", password=_PASSWORD, database=database, timeout=2
        )
        try:
            return await connection.fetch(query, *values)
        finally:
            connection.terminate()

    async def is_primary(self) -> bool:
        """Whether its PostgreSQL takes changes."""
        with suppress(*AWAY):
            return not (await self.ask("SELECT pg_is_in_recovery() AS standby"))[0]["standby"]
        return False

    def _postmaster(self) -> int | None:
        return read_pid(self.directory / "postgres" / "postmaster.pid")


class Cluster:
    """The nodes, and what is asked of them together."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """What stands in DATABASE_URL: every node, and that the one which writes is meant."""
        places = ",".join(f"{_HOST}:{node.port}" for node in self.nodes)
        return f"postgresql://gmbot:gmbot@{places}/gmbot?target_session_attrs=read-write"

    async def primary(self) -> Node | None:
        """Return the node that takes changes."""
        for node in self.nodes:
            if await node.is_primary():
                return node
        return None

    async def until_primary(self, *, other_than: Node | None = None, within: float = _START_SECONDS) -> Node:
        """Wait for a primary."""
        found: list[Node] = []

        async def there() -> bool:
            for node in self.nodes:
                if node is not other_than and await node.is_primary():
                    found.append(node)
                    return True
            return False

        await eventually(there, "a primary", within=within)
        return found[0]

    async def replicas(self) -> list[Replica]:
        """Return the replicas that follow."""
        primary = await self.primary()
        if primary is None:
            return []
        with suppress(*AWAY):
            return [
                Replica(row["name"], row["sync_state"] in {"sync", "quorum"}, row["lag"])
                for row in await primary.ask(_REPLICAS)
            ]
        return []

    async def until_complete(self, *, within: float = _START_SECONDS) -> float:
        """Wait until two replicas follow, one of them synchronously; return the seconds it took."""
        began = time.monotonic()

        async def complete() -> bool:
            replicas = await self.replicas()
            return len(replicas) == len(self.nodes) - 1 and any(each.synchronous for each in replicas)

        await eventually(complete, "two replicas, one synchronous", within=within)
        return time.monotonic() - began

    def logs(self) -> str:
        """Return the ends of the nodes' logs, for a message of failure."""
        return "\n".join(
            f"--- {node.name}\n{(node.directory / 'patroni.log').read_text(errors='replace')[-3000:]}"
            for node in self.nodes
        )


@asynccontextmanager
async def patroni_cluster(*, durable: bool = True) -> AsyncIterator[Cluster]:
    """Run a primary and two replicas, with GMBot's empty database on them."""
    home = Path(tempfile.mkdtemp(prefix="gmbot-ha-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        nodes = await asyncio.to_thread(_make_nodes, home, durable=durable)
        for node in nodes:
            stack.push_async_callback(node.stop)
            node.start()
        cluster = Cluster(nodes)
        try:
            primary = await cluster.until_primary()
            await _make_database(primary)
            await cluster.until_complete()
        except BaseException:
            sys.stderr.write(cluster.logs())
            raise
        yield cluster


async def _make_database(primary: Node) -> None:
    # As the README of docs/deploy/patroni says.
    await primary.ask("CREATE ROLE gmbot LOGIN PASSWORD 'gmbot' IN ROLE pg_monitor")
    await primary.ask("CREATE DATABASE gmbot OWNER gmbot")


def _make_nodes(home: Path, *, durable: bool) -> Sequence[Node]:
    # As root the servers run as another user, who must get in.
    home.chmod(0o711)
    account = Account.for_home(home)
    ensure_home(home / "servers")
    binaries = find_binaries(servers=home / "servers", account=account).postgres.parent
    nodes = []
    for number in range(_NODES):
        directory = home / f"n{number}"
        directory.mkdir(mode=0o700)
        account.own(directory)
        nodes.append(Node(f"node{number}", directory, account))
    for node in nodes:
        node.configure(binaries, nodes, durable=durable)
        account.own(node.directory / "patroni.yml")
    return nodes


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
