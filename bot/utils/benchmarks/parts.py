"""Where the microseconds of a verified member's message go."""

import time
from collections.abc import Callable

from bot.core.clock import SystemClock
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.hotpath import hot_path
from bot.utils.benchmarks.results import Report
from bot.utils.benchmarks.stage import Stage

_SECTION = "parts"
_TURNS = 20
_REPEATS = 50


async def measure_parts(_: Stage, effort: Effort, report: Report) -> None:
    """Time each part by itself, and all of them as they follow from the bytes of a request."""
    path = await hot_path()
    for name, step in path.steps:
        report.rounds(_SECTION, name, [await _microseconds(step) for _ in range(effort.rounds * 10)], "µs")


async def _microseconds(step: Callable[[], None]) -> float:
    """Return the CPU time of one step, among many; in between the event loop clears away the timers it left."""
    clock, used = SystemClock(), 0.0
    for _ in range(_TURNS):
        began = time.thread_time()
        for _ in range(_REPEATS):
            step()
        used += time.thread_time() - began
        await clock.sleep(0)
    return used / (_TURNS * _REPEATS) * 1e6
