"""How long an instance takes from the command to being healthy, with one bot and with many."""

from collections.abc import Sequence

from bot.core.clock import SystemClock
from bot.simulator import Bot, Fault
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.population import host
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage

_SECTION = "starts"
_LATENCY_SECONDS = 0.05


async def measure_starts(stage: Stage, effort: Effort, report: Report) -> None:
    """Start instances again and again. Each has all webhooks to set: the address is another one each time."""
    simulator, many = stage.simulator, effort.bots[-1]
    took, busy = await _start(stage, [simulator.add_bot("starts_bot")], effort.starts)
    report.sampled(_SECTION, "CPU time of a start", busy, "s")
    report.sampled(_SECTION, "from the command to a healthy instance", took, "s", p95=Target("<", 2))
    crowd = [simulator.add_bot(f"starts_{number}_bot") for number in range(many)]
    # What a crowd of bots waits for is Telegram.
    latency = simulator.faults.add(Fault(kind="delay", times=None, seconds=_LATENCY_SECONDS))
    took, busy = await _start(stage, crowd, effort.starts)
    simulator.faults.remove(latency)
    report.sampled(_SECTION, f"CPU time of a start with {many:,} bots", busy, "s")
    title = f"from the command until {many:,} bots have their webhooks, the Bot API taking 50 ms"
    report.sampled(_SECTION, title, took, "s", p95=Target("<", 5))


async def _start(stage: Stage, bots: Sequence[Bot], starts: int) -> tuple[list[float], list[float]]:
    """Return the seconds that each start took, and those of CPU time."""
    clock, database_url = SystemClock(), await stage.database()
    await host(stage, database_url, bots)
    took, busy = list[float](), list[float]()
    for _ in range(starts):
        began = clock.monotonic()
        async with stage.instance("a start", token=bots[0].token, database_url=database_url) as server:
            took.append(clock.monotonic() - began)
            busy.append(server.cpu_seconds())
    return took, busy
