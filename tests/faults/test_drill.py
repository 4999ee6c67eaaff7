"""The drill: a home is destroyed under load, and comes back from nothing but its backups and the key."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from bot.simulator import Fault, Simulator
from tests.kits.platform import ENCRYPTION_KEY, Lounge, Platform, eventually
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow]

MOST_LOST_SECONDS = 300.0
MOST_DOWN_SECONDS = 45.0


@dataclass
class Writer:
    """Commits a row after the other, and knows when each was committed."""

    url: str
    committed: dict[int, datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """Write until the server is gone."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self.url)
            try:
                for number in range(1_000_000):
                    await connection.execute(
                        "INSERT INTO dead_letters (bot_id, update_id, body, error) VALUES (0, $1, '', '')", number
                    )
                    self.committed[number] = datetime.now(UTC)
                    await asyncio.sleep(0.02)
            finally:
                connection.terminate()


@dataclass
class Site:
    """A home, and where its backups go."""

    home: Path
    backups: Path

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a deployment with embedded servers and backups."""
        return {
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "GMBOT_HOME": str(self.home),
            "ENCRYPTION_KEY": ENCRYPTION_KEY,
            "BACKUP_DIR": str(self.backups),
            "BACKUP_SCHEDULE": "03:00",
            "LOG_LEVEL": "warning",
        }

    @property
    def database_url(self) -> str:
        """Where the embedded PostgreSQL answers."""
        servers = self.home / "servers"
        password, port = (servers / "postgres.password").read_text(), (servers / "postgres.port").read_text().strip()
        return f"postgresql://gmbot:{password}@127.0.0.1:{port}/gmbot"

    def end_servers(self, how: signal.Signals) -> None:
        """Signal both servers: SIGKILL is a power cut, SIGTERM a host that is shut down."""
        for pid_file in ("postgres/data/postmaster.pid", "valkey/valkey.pid"):
            pid = int((self.home / "servers" / pid_file).read_text().splitlines()[0])
            os.kill(pid, how)

    def destroy(self) -> None:
        """Kill the servers and burn the disk."""
        self.end_servers(signal.SIGKILL)
        while self.home.exists():
            shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture
def site(servers_home: Path, tmp_path: Path) -> Site:
    """Make a place that a server's account can pass through."""
    place = servers_home / f"drill-{tmp_path.name}"
    place.mkdir(mode=0o711)
    place.chmod(0o711)
    return Site(place / "home", place / "backups")


async def gmbot(*arguments: str, **environment: str) -> dict[str, object]:
    """Run a command that answers in JSON."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments, "--json"),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    answer: dict[str, object] = json.loads(out)
    return answer


@asynccontextmanager
async def writing(writer: Writer) -> AsyncIterator[None]:
    """Let the writer write meanwhile."""
    task = asyncio.get_running_loop().create_task(writer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def log_kept_until(instance_url: str) -> float:
    """Return the moment up to which everything can be restored, as the instance shows it."""
    async with aiohttp.ClientSession() as session, session.get(f"{instance_url}/metrics") as answer:
        found = re.search(r"^gmbot_backup_log_timestamp_seconds (\S+)$", await answer.text(), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def newest_row(url: str) -> int:
    """Return the last row of the writer that is there."""
    connection = await asyncpg.connect(url)
    try:
        newest: int = await connection.fetchval("SELECT coalesce(max(update_id), -1) FROM dead_letters")
        count: int = await connection.fetchval("SELECT count(*) FROM dead_letters")
    finally:
        await connection.close()
    assert count == newest + 1, "a row in the middle is missing"
    return newest


async def live_and_perish(platform: Platform, port: int, lounge: Lounge, site: Site) -> tuple[Writer, datetime]:
    """Mute a stranger, write without a pause, and lose everything but the backups in the middle of it."""
    async with platform.process(port, **site.environment) as instance:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        platform.sim.say(lounge.stranger, lounge.group, "hello")
        await lounge.until_muted(lounge.stranger)
        writer = Writer(site.database_url)
        async with writing(writer):
            await eventually(lambda: any(site.backups.glob("2*/manifest.json")), "a backup is made", within=60)
            muted_at, before = time.time(), len(writer.committed)

            async def kept() -> bool:
                return await log_kept_until(instance.url) > muted_at

            await eventually(kept, "the log is kept up to the mute", within=60)
            await eventually(lambda: len(writer.committed) > before + 100, "more is written", within=60)
            instance.kill()
            site.destroy()
            return writer, datetime.now(UTC)


async def test_a_home_that_is_destroyed_comes_back(
    sim: Simulator, lounge: Lounge, site: Site, record_property: Callable[[str, object], None]
) -> None:
    """With less than five minutes lost, in less than 45 seconds, and whoever was muted is freed by the new one."""
    port, platform = free_port(), Platform(sim, "", "", lounge.bot)
    writer, destroyed = await live_and_perish(platform, port, lounge, site)
    began = time.monotonic()
    restored = await gmbot("backup", "restore", **platform.environment(port, **site.environment))
    async with platform.process(port, **site.environment):
        down = time.monotonic() - began
        newest = await newest_row(site.database_url)
        lost = (destroyed - writer.committed[newest]).total_seconds()
        sim.join(lounge.stranger, lounge.news)
        await eventually(lambda: not lounge.muted(lounge.stranger), "the restored ledger frees", within=60)

    record_property("lost_seconds", lost)
    record_property("down_seconds", down)
    rows = restored["rows"]
    assert isinstance(rows, dict)
    assert rows["dead_letters"] == newest + 1
    assert lost <= MOST_LOST_SECONDS
    assert down <= MOST_DOWN_SECONDS


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told"])
async def test_everything_restarted_at_once(
    sim: Simulator, lounge: Lounge, site: Site, how: signal.Signals, record_property: Callable[[str, object], None]
) -> None:
    """The instance, PostgreSQL and Valkey end in one moment: serving again without a hand, and nothing is missing."""
    port, platform = free_port(), Platform(sim, "", "", lounge.bot)
    environment = {**site.environment, "BACKUP_SCHEDULE": ""}
    async with platform.process(port, **environment) as instance:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        sim.say(lounge.stranger, lounge.group, "hello")
        await lounge.until_muted(lounge.stranger)
        writer = Writer(site.database_url)
        async with writing(writer):
            await eventually(lambda: len(writer.committed) > 50, "something is written", within=30)
            # In flight: Telegram is about to be asked, and the answer comes to nobody.
            sim.faults.add(Fault(kind="delay", method="getChatMember", seconds=1.0))
            newcomer = sim.add_user("Nora")
            sim.join(newcomer, lounge.group)
            sim.say(newcomer, lounge.group, "hi")
            await lounge.until_running("getChatMember")
            (instance.kill if how is signal.SIGKILL else instance.terminate)()
            site.end_servers(how)
    sim.join(lounge.stranger, lounge.news)
    began = time.monotonic()
    async with platform.process(port, **environment):
        down = time.monotonic() - began
        newest = await newest_row(site.database_url)
        await eventually(lambda: lounge.muted(newcomer), "what was in flight is done", within=60)
        await eventually(lambda: not lounge.muted(lounge.stranger), "who joined meanwhile is freed", within=60)

    record_property("down_seconds", down)
    assert newest >= max(writer.committed)
    assert down <= MOST_DOWN_SECONDS
