"""Instances that come and go behind nginx, under load, with every update accounted for."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.simulator import Bot, FloodLimits, Simulator
from tests.faults.front import Front, front
from tests.faults.load import Load, Pace
from tests.faults.stage import home, servers
from tests.faults.tally import Tally, milliseconds
from tests.faults.town import Town, build
from tests.kits.platform import Instance, Platform, eventually
from tests.kits.ports import free_port

_SETTLE_SECONDS = 60.0
# nginx gives a request up after 10 s without an answer; the hanging one has to hang for longer.
HANG_SECONDS = 13.0
# PostgreSQL's own, as those that vacuum, are nobody's.
_CONNECTIONS = """
SELECT count(*) AS held FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND application_name LIKE 'gmbot%'
"""


@dataclass
class Fleet:
    """The instances behind one nginx."""

    platform: Platform
    front: Front
    changes: dict[str, str]
    instances: list[Instance] = field(default_factory=list)

    async def start(self, instance: Instance, release: Path | None = None) -> None:
        """Start an instance and wait until it is ready."""
        environment = {**os.environ, **self.platform.environment(instance.port, **self.changes)}
        await instance.start(environment, release=release)
        await instance.until_ready()

    async def replace(self, number: int, release: Path | None = None) -> None:
        """Stop an instance as a deployment does, and start it again."""
        await self.instances[number].stop()
        await self.start(self.instances[number], release)

    async def killed(self) -> None:
        """Kill an instance, and start it again two seconds later."""
        self.instances[0].kill()
        await asyncio.sleep(2)
        await self.replace(0)

    async def drained(self) -> None:
        """Restart an instance as a deployment does."""
        await self.replace(1)

    async def joined(self) -> None:
        """Add an instance."""
        await self.add()
        self.front.balance("round-robin", [each.port for each in self.instances])

    async def hung(self) -> None:
        """Have an instance hang for a while, and come back to what it was doing."""
        self.instances[2].signal(signal.SIGSTOP)
        await asyncio.sleep(HANG_SECONDS)
        self.instances[2].signal(signal.SIGCONT)

    async def add(self) -> Instance:
        """Start one more instance."""
        self.instances.append(Instance(free_port()))
        await self.start(self.instances[-1])
        return self.instances[-1]

    async def connections(self) -> int:
        """Count the connections that instances hold to PostgreSQL."""
        (row,) = await self.platform.fetch(_CONNECTIONS)
        return int(row["held"])


@dataclass
class Scaled:
    """What a run came to."""

    counts: dict[str, Any]
    lost: int
    missing: int
    left_muted: int
    cases_open: int
    dead_letters: int
    most_failures: int
    most_connections: int
    answered: dict[str, float]

    @property
    def faults(self) -> list[str]:
        """Name what was lost, left over or done to the wrong one."""
        nought = ("lost", "missing", "left_muted", "cases_open", "dead_letters")
        found = [f"{name}: {getattr(self, name)}" for name in nought if getattr(self, name)]
        return found + ([f"wrong_mutes: {self.counts['wrong_mutes']}"] if self.counts["wrong_mutes"] else [])

    @property
    def doubled(self) -> int:
        """How many mutes, prompts and lifts were done twice."""
        return sum(self.counts["effects_doubled"].values())


@asynccontextmanager
async def fleet(sim: Simulator, count: int, *bots: Bot, **changes: str) -> AsyncIterator[Fleet]:
    """Start so many instances at once behind nginx, for these bots."""
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        pair = await stack.enter_async_context(servers(where))
        await stack.enter_async_context(sim.serving())
        platform, port = Platform(sim, pair.database_url, pair.redis_url, bots[0]), free_port()
        await platform.host(*bots[1:])
        ports = [free_port() for _ in range(count)]
        before = await stack.enter_async_context(front(where.path / "nginx", port, *ports))
        found = Fleet(platform, before, {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error", **changes})
        found.instances.extend(Instance(each) for each in ports)
        stack.push_async_callback(_stop, found)
        await asyncio.gather(*(found.start(each) for each in found.instances))
        await eventually(lambda: len(sim.calls_of("setWebhook")) >= len(bots), "all webhooks are set", within=60)
        yield found


async def _stop(found: Fleet) -> None:
    for instance in found.instances:
        instance.signal(signal.SIGCONT)
    await asyncio.gather(*(instance.stop() for instance in found.instances))


def small_town(pace: Pace) -> Town:
    """Build a town that Telegram's own limits hold for."""
    sim = Simulator(keeps=50_000, flood_limits=FloodLimits())
    return build(sim, groups=30, members=150, strangers=pace.strangers_needed)


async def under_load(
    found: Fleet,
    town: Town,
    pace: Pace,
    acts: Sequence[Callable[[], Awaitable[None]]],
    *,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> Scaled:
    """Do the acts one after the other, evenly spread, while the town talks; the load lasts until they are done."""
    tally = Tally(town)
    load = Load(town, pace, tally, random.Random(seed))
    held = [0]

    async def act() -> None:
        for each in acts:
            await asyncio.sleep(2)
            say(getattr(each, "__name__", "acting"))
            await each()

    async def count() -> None:
        while True:
            held.append(await found.connections())
            await asyncio.sleep(0.5)

    async with asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(count())
        acting = tasks.create_task(act())
        await load.run(lambda _: None, going=lambda: not acting.done())
        await load.settle(_SETTLE_SECONDS)
        counting.cancel()
    await found.platform.at_rest(within=60)
    return Scaled(
        counts=tally.counts.plain(),
        lost=tally.lost,
        missing=tally.effects_missing,
        left_muted=town.muted(),
        cases_open=len(await found.platform.open_cases()),
        dead_letters=len(await found.platform.fetch("SELECT 1 FROM dead_letters")),
        most_failures=tally.most_failures,
        most_connections=max(held),
        answered=milliseconds(each for second in tally.until_answered for each in second),
    )
