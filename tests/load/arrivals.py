"""Arrivals that do not wait for answers, and what they measure."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from statistics import fmean

Send = Callable[[], Awaitable[int]]
"""Sends one request and returns its status."""

Tick = Callable[[], None]
"""Hears of every answer."""


@dataclass
class Run:
    """What came back."""

    latencies: list[float] = field(default_factory=list)
    """Seconds from the moment a request was due, not from when it went out: waiting in line counts."""
    errors: int = 0
    seconds: float = 0.0

    @property
    def per_minute(self) -> float:
        """Answers a minute."""
        return len(self.latencies) / self.seconds * 60


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is not below `share` of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return the usual figures, in milliseconds."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    figures = {"mean": fmean(values), **{name: percentile(values, share) for name, share in shares.items()}}
    return {name: round(1000 * value, 1) for name, value in {**figures, "max": max(values)}.items()}


async def open_loop(sends: Sequence[Send], *, per_second: float, seed: int, tick: Tick) -> Run:
    """Send at random moments, so many a second on average, whether or not the earlier ones were answered."""
    dice, run, due = random.Random(seed), Run(), time.perf_counter()
    started = due

    async def one(send: Send, due: float) -> None:
        status = await send()
        run.latencies.append(time.perf_counter() - due)
        run.errors += status != HTTPStatus.OK
        tick()

    async with asyncio.TaskGroup() as tasks:
        for send in sends:
            due += dice.expovariate(per_second)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(one(send, due))
    run.seconds = time.perf_counter() - started
    return run


async def at_once(sends: Sequence[Send], *, tick: Tick) -> Run:
    """Send everything in the same moment."""
    run, started = Run(), time.perf_counter()

    async def one(send: Send) -> None:
        status = await send()
        run.latencies.append(time.perf_counter() - started)
        run.errors += status != HTTPStatus.OK
        tick()

    await asyncio.gather(*(one(send) for send in sends))
    run.seconds = time.perf_counter() - started
    return run
