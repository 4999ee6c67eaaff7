"""The real servers stopped, continued and killed under two instances; and clocks that disagree."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from bot.core.clock import SystemClock
from bot.core.embedded import EmbeddedServers
from tests.faults.away import RECOVERY_SECONDS, outside_of
from tests.faults.test_reminders import none_stands, reminders
from tests.kits.platform import Lounge, Platform, eventually, get
from tests.kits.servers import database_named, running_servers

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_OFF_BY: ContextVar[timedelta] = ContextVar("_OFF_BY")


class Pair:
    """Servers of our own, with their processes."""

    def __init__(self, servers: EmbeddedServers, home: Path) -> None:
        self.redis_url = servers.redis_url
        self.database_url = database_named(servers.database_url, "template_migrated")
        self.keep_running = servers.keep_running
        self._home = home

    def signal(self, server: str, number: signal.Signals) -> None:
        """Send a signal to a server; PostgreSQL gives everybody a process of their own."""
        for pid in self._pids(server):
            # One that served a connection may be gone by now.
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _pids(self, server: str) -> list[int]:
        if server == "valkey":
            return [int(next(self._home.rglob("valkey.pid")).read_text())]
        postmaster = int(next(self._home.rglob("postmaster.pid")).read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *(int(child) for child in children)]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Run a PostgreSQL and a Valkey that nobody else uses."""
    # Not tmp_path: its parents are private, and as root the servers run as another user.
    home = Path(tempfile.mkdtemp(prefix="gmbot-servers-"))
    home.chmod(0o711)
    with running_servers(home / "home") as servers:
        yield Pair(servers, home)
    shutil.rmtree(home, ignore_errors=True)


@contextmanager
def stopped(pair: Pair, server: str) -> Iterator[None]:
    """Stop a server for the time of the block, as a machine that swaps or is moved does."""
    pair.signal(server, signal.SIGSTOP)
    try:
        yield
    finally:
        pair.signal(server, signal.SIGCONT)


@pytest.mark.parametrize(("server", "status"), [("postgres", "unhealthy"), ("valkey", "degraded")])
async def test_a_server_that_stands_still(
    lounge: Lounge, platform: Platform, pair: Pair, server: str, status: str
) -> None:
    """SIGSTOP, a few seconds, SIGCONT: members go on, and everybody who joined is free soon after."""
    own = replace(platform, database_url=pair.database_url, redis_url=pair.redis_url)
    async with outside_of(lounge, own) as outside:
        with stopped(pair, server):
            await outside.assert_known_members_speak()
            lounge.sim.say(outside.newcomer, lounge.group, "I am in the channel")
            lounge.sim.join(outside.muted, lounge.news)
            await outside.until_status(status)
            # Long enough for silent subscriptions to be given up.
            await asyncio.sleep(3)
            # Without PostgreSQL, too, Redis tells whose mute it is.
            await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
        await outside.live_on()

        outside.assert_only_strangers_were_muted()


async def test_a_reminder_stands_as_long_as_postgresql_stands_still(
    lounge: Lounge, platform: Platform, pair: Pair
) -> None:
    """SIGSTOP: a stranger's message goes, and the group is told what to join; SIGCONT: it goes."""
    own = replace(platform, database_url=pair.database_url, redis_url=pair.redis_url)
    async with outside_of(lounge, own) as outside:
        with stopped(pair, "postgres"):
            for url in (outside.first, outside.second):
                await eventually(partial(outside.is_away, url), "the outage is noticed", within=30)
            lounge.sim.say(lounge.stranger, lounge.group, "may I?")
            await eventually(lambda: len(reminders(outside)) == 1, "a reminder", within=RECOVERY_SECONDS)

            assert not lounge.muted(lounge.stranger)
        await none_stands(outside)
        await outside.live_on()

        outside.assert_only_strangers_were_muted()


async def test_a_server_process_that_dies(lounge: Lounge, platform: Platform, pair: Pair) -> None:
    """One backend of PostgreSQL is killed, and all others restart with it: nothing is lost."""
    own = replace(platform, database_url=pair.database_url, redis_url=pair.redis_url)
    async with outside_of(lounge, own) as outside:
        (backend,) = await own.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'gmbot' LIMIT 1")
        os.kill(backend["pid"], signal.SIGKILL)
        lounge.sim.join(outside.muted, lounge.news)
        await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
        await outside.live_on()

        outside.assert_only_strangers_were_muted()


async def test_a_redis_that_comes_back_empty(lounge: Lounge, platform: Platform, pair: Pair) -> None:
    """It is killed, and started again without its data; PostgreSQL is lost next: who joins is free all the same."""
    own = replace(platform, database_url=pair.database_url, redis_url=pair.redis_url)
    async with asyncio.TaskGroup() as tasks, outside_of(lounge, own) as outside:
        reviving = tasks.create_task(pair.keep_running())
        pair.signal("valkey", signal.SIGKILL)
        await eventually(outside.copies_are_whole, "all copies are written anew", within=RECOVERY_SECONDS)
        await outside.postgres.refuse()
        for url in (outside.first, outside.second):
            await eventually(partial(outside.is_away, url), "the outage is noticed", within=RECOVERY_SECONDS)
        lounge.sim.join(outside.muted, lounge.news)
        await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
        await outside.postgres.heal()
        await outside.live_on()
        reviving.cancel()

        outside.assert_only_strangers_were_muted()


async def test_no_connection_is_left(lounge: Lounge, platform: Platform, pair: Pair) -> None:
    """Others hold every connection that PostgreSQL has: members go on, and when they let go all is made good."""
    own = replace(platform, database_url=pair.database_url, redis_url=pair.redis_url)
    async with outside_of(lounge, own) as outside:
        async with every_connection(own.database_url):
            await outside.until_status("unhealthy")
            await outside.assert_known_members_speak()
            ready = await get(f"{outside.first}/readyz")
            lounge.sim.join(outside.muted, lounge.news)
            await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
        await outside.live_on()

        assert ready == 200
        outside.assert_only_strangers_were_muted()


@asynccontextmanager
async def every_connection(database_url: str) -> AsyncIterator[None]:
    """Take every connection that the server has, those of the instances, too; let go of them afterwards."""
    held: list[asyncpg.Connection[asyncpg.Record]] = []
    taking = asyncio.get_running_loop().create_task(_take_all(database_url, held))
    try:
        await eventually(taking.done, "no connection is left", within=30)
        yield
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in held))


async def _take_all(database_url: str, held: list["asyncpg.Connection[asyncpg.Record]"]) -> None:
    while True:
        try:
            held.append(await asyncpg.connect(database_url))
        except asyncpg.TooManyConnectionsError:
            ended = await held[0].fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'gmbot' AND pid <> pg_backend_pid()"
            )
            if not ended:
                return


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_jumps(
    lounge: Lounge, platform: Platform, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Both instances' clocks are set an hour back or forth while they work, and right again: nobody notices."""
    off_by = timedelta(0)

    def jumping(_: SystemClock) -> datetime:
        return datetime.now(UTC) + off_by

    monkeypatch.setattr(SystemClock, "now", jumping)
    async with outside_of(lounge, platform) as outside:
        lounge.sim.say(lounge.stranger, lounge.group, "may I?")
        off_by = timedelta(hours=hours)
        await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "prompted", within=RECOVERY_SECONDS)
        lounge.sim.say(outside.newcomer, lounge.group, "hello")
        lounge.sim.join(outside.muted, lounge.news)
        off_by = timedelta(0)
        await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
        await outside.live_on()

        assert len(lounge.prompts(lounge.stranger)) <= 1
        outside.assert_only_strangers_were_muted()


@pytest.mark.parametrize("hours", [-1, 1])
async def test_clocks_an_hour_apart(
    lounge: Lounge, platform: Platform, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Every task of one instance takes it for an hour earlier or later: leases, memories and mutes are as ever."""

    def wrong(_: SystemClock) -> datetime:
        return datetime.now(UTC) + _OFF_BY.get(timedelta(0))

    monkeypatch.setattr(SystemClock, "now", wrong)
    async with outside_of(lounge, platform) as outside:
        token = _OFF_BY.set(timedelta(hours=hours))
        try:
            # Tasks keep the context in which they are made: only this instance lives in the wrong hour.
            async with platform.instance(WEBHOOK_URL=f"http://127.0.0.1:{outside.front.port}") as third:
                _OFF_BY.reset(token)
                outside.deliver_to(third)
                lounge.sim.say(lounge.member, lounge.group, "hello")
                lounge.sim.say(outside.newcomer, lounge.group, "hello")
                lounge.sim.say(lounge.stranger, lounge.group, "hello")
                await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "prompted", within=RECOVERY_SECONDS)
                lounge.sim.join(outside.muted, lounge.news)
                await lounge.until_free(outside.muted)
                await lounge.sim.settled(RECOVERY_SECONDS)
                outside.deliver_to(outside.first)
        finally:
            outside.deliver_to(outside.first)
        await outside.live_on()

        outside.assert_only_strangers_were_muted()
