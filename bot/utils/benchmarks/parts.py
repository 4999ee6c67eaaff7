"""Where the microseconds of a verified member's message go."""

import time
from collections.abc import Callable

from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.hotpath import hot_path
from bot.utils.benchmarks.results import Report
from bot.utils.benchmarks.stage import Stage

_SECTION = "parts"
_REPEATS = 1_000


async def measure_parts(_: Stage, effort: Effort, report: Report) -> None:
    """Time each part by itself, and all of them as they follow from the bytes of a request."""
    path = await hot_path()
    for name, step in path.steps:
        report.rounds(_SECTION, name, [_microseconds(step) for _ in range(effort.rounds * 10)], "µs")


def _microseconds(step: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(_REPEATS):
        step()
    return (time.perf_counter() - began) / _REPEATS * 1e6
