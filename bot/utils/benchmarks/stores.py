"""PostgreSQL, Redis and the jitter, as an instance uses them."""

import random
import time
from collections.abc import Awaitable, Callable

from bot.core.cache import get_ttl_with_jitter
from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.population import Population
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage

_SECTION = "stores"
_READ = Target("<", 10)
_ROUND_TRIP = Target("<", 5)
_JITTER = Target("<", 1)
_WARM_UP = 20


async def measure_stores(stage: Stage, effort: Effort, report: Report) -> None:
    """Read and join among all groups, get and set, and draw times to live."""
    await _database(stage, effort, report)
    await _redis(stage, effort, report)
    _jitter(effort, report)


async def _database(stage: Stage, effort: Effort, report: Report) -> None:
    bot = stage.simulator.add_bot("stores_bot")
    population = Population([bot], groups=effort.most_groups, memberships=0)
    url = await stage.database()
    await population.settle(stage, url)
    dice = random.Random(3)  # noqa: S311 - the same choice in each run
    async with open_database(url, pool_size=10, statements=load_statements()) as database:
        for name, statement in (("read", "get_protected_group"), ("join", "get_group_channels")):

            async def one(statement: str = statement) -> None:
                group = population.some_group(dice)
                await database.rows(statement, bot.id, group if statement == "get_protected_group" else [group])

            title = f"PostgreSQL {name} (`{statement}`), {effort.most_groups:,} groups"
            report.sampled(_SECTION, title, await _timed(one, effort.samples), "ms", p95=_READ)


async def _redis(stage: Stage, effort: Effort, report: Report) -> None:
    async with open_redis(stage.redis_url) as redis:

        async def put() -> None:
            await redis.set("benchmark", b"member", ex=60)

        async def get() -> None:
            await redis.get("benchmark")

        for name, one in (("SET", put), ("GET", get)):
            report.sampled(_SECTION, f"Redis {name}", await _timed(one, effort.samples), "ms", p95=_ROUND_TRIP)


def _jitter(effort: Effort, report: Report) -> None:
    drawn, took = [], []
    for _ in range(effort.samples * 10):
        began = time.perf_counter()
        drawn.append(get_ttl_with_jitter(600, 15))
        took.append((time.perf_counter() - began) * 1000)
    report.sampled(_SECTION, "time to live with jitter", took, "ms", p95=_JITTER)
    report.single(_SECTION, "shortest of 600 s ± 15 %", min(drawn), "s", Target(">=", 510))
    report.single(_SECTION, "longest of 600 s ± 15 %", max(drawn), "s", Target("<=", 690))


async def _timed(one: Callable[[], Awaitable[None]], count: int) -> list[float]:
    """Do something a few times unmeasured and then `count` times, and return the milliseconds of each."""
    for _ in range(_WARM_UP):
        await one()
    took = []
    for _ in range(count):
        began = time.perf_counter()
        await one()
        took.append((time.perf_counter() - began) * 1000)
    return took
