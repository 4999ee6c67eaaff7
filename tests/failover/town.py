"""Two instances behind a balancer, and a town that writes without end."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bot.simulator import FloodLimits, Simulator
from tests.faults.load import Load, Pace
from tests.faults.tally import Tally
from tests.faults.town import Town, build
from tests.kits.platform import Platform, balancer
from tests.kits.ports import free_port

_INSTANCES = 2
_GROUPS = 20
_MEMBERS = 40
_STRANGERS = 0.1
_SETTLE_SECONDS = 90.0
# Nobody writes longer than that.
_FOR_EVER_SECONDS = 3600.0


@dataclass
class Counted:
    """What came of the load, in figures that must be nought, and how much there was."""

    messages: int = 0
    updates: int = 0
    strangers: int = 0
    updates_lost: int = 0
    effects_missing: int = 0
    cases_missing: int = 0
    cases_open: int = 0
    mutes_doubled: int = 0
    prompts_doubled: int = 0
    wrong_mutes: int = 0
    dead_letters: int = 0
    refused_by_limits: int = 0
    """Calls that Telegram would have answered with 429."""

    def faults(self, kills: int) -> list[str]:
        """Name what must be nought and is not. A kill while a prompt is being sent may cost one more."""
        nought = (
            "updates_lost",
            "effects_missing",
            "cases_missing",
            "cases_open",
            "mutes_doubled",
            "wrong_mutes",
            "dead_letters",
            "refused_by_limits",
        )
        found = [f"{name}: {getattr(self, name)}" for name in nought if getattr(self, name)]
        return found + ([f"prompts_doubled: {self.prompts_doubled}"] if self.prompts_doubled > kills else [])


@dataclass(frozen=True)
class Living:
    """The town and who serves it."""

    platform: Platform
    town: Town
    tally: Tally
    load: Load
    instances: Sequence[str]

    async def live(self) -> None:
        """Write until cancelled."""
        await self.load.run(_ignore)

    async def account(self) -> Counted:
        """Have everybody join, wait until all is done, and count."""
        await self.load.settle(_SETTLE_SECONDS)
        tally, counts = self.tally, self.tally.counts
        spoke = {each.user.id for each in self.town.strangers if each.spoke_at}
        known = {row["user_id"] for row in await self.platform.fetch("SELECT user_id FROM restrictions")}
        return Counted(
            messages=counts.messages,
            updates=counts.updates,
            strangers=len(spoke),
            updates_lost=tally.lost,
            effects_missing=tally.effects_missing,
            cases_missing=len(spoke - known),
            cases_open=len(await self.platform.open_cases()),
            mutes_doubled=counts.effects_doubled["mute"],
            prompts_doubled=counts.effects_doubled["prompt"],
            wrong_mutes=counts.wrong_mutes,
            refused_by_limits=sum(many for what, many in counts.refused_calls.items() if " 429" in what),
            dead_letters=len(await self.platform.fetch("SELECT 1 FROM dead_letters")),
        )


@asynccontextmanager
async def living_town(
    database_url: str, redis_url: str, *, rate: float, kills: int, seed: int
) -> AsyncIterator[Living]:
    """Bring them up; `kills` says for how many strangers there must be."""
    async with AsyncExitStack() as stack:
        sim, port = Simulator(seed=seed, flood_limits=FloodLimits()), free_port()
        await stack.enter_async_context(sim.serving())
        enough = Pace(seconds=60 + 60 * kills, rate=rate, strangers=_STRANGERS).strangers_needed
        town = build(sim, groups=_GROUPS, members=_MEMBERS, strangers=enough)
        platform = Platform(sim, database_url, redis_url, town.bot)
        changes = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"}
        ports = [free_port() for _ in range(_INSTANCES)]
        for each in ports:
            await stack.enter_async_context(platform.process(each, **changes))
        await stack.enter_async_context(balancer(port, *ports, in_turn=True))
        await platform.webhook_is_set()
        await sim.settled(30)
        await town.protect(platform)
        await town.rehearse()
        tally = Tally(town)
        pace = Pace(seconds=_FOR_EVER_SECONDS, rate=rate, strangers=_STRANGERS)
        load = Load(town, pace, tally, random.Random(seed))
        yield Living(platform, town, tally, load, [f"http://127.0.0.1:{each}" for each in ports])


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end; a library that lost one cancellation gets another."""
    pending = set(tasks)
    while pending:
        for each in pending:
            each.cancel()
        _, pending = await asyncio.wait(pending, timeout=1)


def now() -> float:
    """Return the seconds that everything here is measured in."""
    return asyncio.get_running_loop().time()


def _ignore(_: float) -> None:
    """Nobody watches."""
