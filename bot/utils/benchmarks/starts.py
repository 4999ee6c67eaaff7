"""How long an instance takes from the command to being healthy."""

from bot.core.clock import SystemClock
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage


async def measure_starts(stage: Stage, effort: Effort, report: Report) -> None:
    """Start an instance again and again; each start has a webhook to set."""
    clock, bot, database_url = SystemClock(), stage.simulator.add_bot("starts_bot"), await stage.database()
    took, busy = list[float](), list[float]()
    for _ in range(effort.starts):
        began = clock.monotonic()
        async with stage.instance("a start", token=bot.token, database_url=database_url) as server:
            took.append(clock.monotonic() - began)
            busy.append(server.cpu_seconds())
    report.sampled("starts", "CPU time of a start", busy, "s")
    report.sampled("starts", "from the command to a healthy instance", took, "s", p95=Target("<", 2))
