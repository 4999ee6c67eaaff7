"""Which size of pool serves best, found by measurement under the same load."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import fmean, median
from uuid import uuid4

import asyncpg

from bot.core.clock import SystemClock
from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.domain.heartbeat import DEAD_AFTER
from bot.utils.optimizer.samples import Sample

SIZES = (2, 4, 8, 10, 16, 20, 24, 32, 48)
FEW_SIZES = (4, 10, 16, 24, 32)
_ASKERS = 48
# What an instance reads while updates come in; groups and channels it reads when they have changed.
READS = ("open_case_of", "cases_of_user", "restriction_is_ours")
UPDATES = ("claim_update", "cases_of_user", "finish_update")

Run = Callable[[str, tuple[object, ...]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Load:
    """What one pool did under the load."""

    size: int
    per_second: float
    mean_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """All sizes against asyncpg's own default, under one kind of load."""

    kind: str
    default: Load
    loads: tuple[Load, ...]

    @property
    def best(self) -> Load:
        """The size that does most."""
        return max(self.loads, key=lambda load: load.per_second)

    @property
    def throughput_gain(self) -> float:
        """How much more than the default, 0.2 for a fifth."""
        return self.best.per_second / self.default.per_second - 1

    @property
    def latency_gain(self) -> float:
        """How much less than the default, 0.15 for 15 %."""
        return 1 - self.best.mean_ms / self.default.mean_ms


async def sweep(
    database_url: str,
    samples: Sequence[Sample],
    kind: str,
    *,
    sizes: Sequence[int],
    seconds: float,
    rounds: int,
    clock: SystemClock,
) -> Sweep:
    """Load each size in turn, several times around, and take the medians: what disturbs one disturbs all."""
    taken: dict[int, list[Load]] = {size: [] for size in (0, *sizes)}
    for _ in range(rounds):
        for size, loads in taken.items():
            opened = _asyncpg_default(database_url) if size == 0 else _gmbot(database_url, size)
            async with opened as run:
                loads.append(await _load(run, samples, kind, size or 10, seconds=seconds, clock=clock))
    middles = {size: _middle(loads) for size, loads in taken.items()}
    default = middles.pop(0)
    return Sweep(kind, default, tuple(middles.values()))


@asynccontextmanager
async def _gmbot(database_url: str, size: int) -> AsyncIterator[Run]:
    async with open_database(database_url, pool_size=size, statements=load_statements()) as database:

        async def run(statement: str, values: tuple[object, ...]) -> object:
            return await database.rows(statement, *values)

        yield run


@asynccontextmanager
async def _asyncpg_default(database_url: str) -> AsyncIterator[Run]:
    """Ten connections, and after each use a round trip that resets what the session may have set."""
    texts = load_statements()
    async with asyncpg.create_pool(database_url) as pool:

        async def run(statement: str, values: tuple[object, ...]) -> object:
            return await pool.fetch(texts[statement], *values)

        yield run


async def _load(
    run: Run, samples: Sequence[Sample], kind: str, size: int, *, seconds: float, clock: SystemClock
) -> Load:
    """Ask from many tasks at once, as updates of many chats do: only reads, or a claim, a look and the end."""
    times: list[float] = []
    instance, begun = uuid4(), clock.monotonic()
    number = iter(range(uuid4().int % 10**17, 10**18))

    async def timed(statement: str, *values: object) -> None:
        began = clock.monotonic()
        await run(statement, values)
        times.append((clock.monotonic() - began) * 1_000)

    async def ask(first: int) -> None:
        turn = first
        while clock.monotonic() < begun + seconds:
            sample = samples[turn % len(samples)]
            case, person = sample.open_case, ("bot_id", "group_id", "user_id")
            turn += _ASKERS
            values: dict[str, tuple[object, ...]] = {
                "open_case_of": tuple(case[name] for name in person),
                "cases_of_user": (case["bot_id"], case["user_id"], case["channel_id"]),
                "restriction_is_ours": (*(case[name] for name in person), sample.now),
            }
            values["finish_update"] = (case["bot_id"], next(number), instance)
            values["claim_update"] = (*values["finish_update"], DEAD_AFTER)
            for statement in READS if kind == "reads" else UPDATES:
                await timed(statement, *values[statement])

    async with asyncio.TaskGroup() as tasks:
        for first in range(_ASKERS):
            tasks.create_task(ask(first))
    spent = clock.monotonic() - begun
    ordered = sorted(times)
    return Load(size, len(times) / spent, fmean(times), ordered[int(len(ordered) * 0.95)])


def _middle(loads: Sequence[Load]) -> Load:
    return Load(
        loads[0].size,
        median(load.per_second for load in loads),
        median(load.mean_ms for load in loads),
        median(load.p95_ms for load in loads),
    )


async def reuse(database_url: str) -> float:
    """Return the share of acquisitions that found a connection made before, by asking which one answers."""
    statements = {"which": "SELECT pg_backend_pid() AS pid"}
    asked = 1_000
    async with open_database(database_url, pool_size=10, statements=statements) as database:
        pids: set[int] = set()

        async def ask() -> None:
            for _ in range(asked // 20):
                row = await database.row("which")
                pids.add(0 if row is None else row["pid"])

        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(ask())
    return 1 - len(pids) / asked
