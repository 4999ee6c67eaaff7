"""Cost and memory as a deployment grows: groups, memberships, hosted bots."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from bot.utils.benchmarks.contest import Entrant, Round, contest
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.metrics import check_verified
from bot.utils.benchmarks.population import Population
from bot.utils.benchmarks.results import Curve, Report, Target, summary
from bot.utils.benchmarks.stage import Stage

_SECTION = "growth"
_BODIES = 10_000
_FLAT = Target("<=", 1.1)
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Size:
    """How large a deployment is."""

    groups: int
    memberships: int
    bots: int

    @property
    def name(self) -> str:
        """Name it by its figures."""
        return f"{self.groups:,} groups, {self.memberships:,} memberships, {self.bots:,} bots"


@dataclass(frozen=True, slots=True)
class _Grown:
    """An instance of some size, and what it holds in memory."""

    size: Size
    entrant: Entrant
    resident: int


async def measure_growth(stage: Stage, effort: Effort, report: Report) -> None:
    """Run instances of every size beside each other and give all of them the same load in turn."""
    smallest = Size(effort.groups[0], effort.memberships[0], effort.bots[0])
    curves = {
        "groups": [Size(groups, smallest.memberships, smallest.bots) for groups in effort.groups],
        "memberships in memory": [Size(smallest.groups, known, smallest.bots) for known in effort.memberships],
        "hosted bots": [Size(smallest.groups, smallest.memberships, bots) for bots in effort.bots],
    }
    sizes = {size: None for sizes in curves.values() for size in sizes}
    async with AsyncExitStack() as stack:
        grown: dict[Size, _Grown] = {}
        # All instances hear of all memberships: the one that is to know most is filled before the others are there.
        for size in sorted(sizes, key=lambda size: -size.memberships):
            grown[size] = await _grow(stack, stage, size)
        # A tenth is less than what one round differs from the next by.
        patient = replace(effort, rounds=2 * effort.rounds + 1)
        rounds = await contest([each.entrant for each in grown.values()], effort=patient, cores=stage.cores)
        for each in grown.values():
            await check_verified(each.entrant.server)
    for along, along_sizes in curves.items():
        if len(along_sizes) > 1:
            _cost(along, along_sizes, rounds, report)
            _memory(along, along_sizes, grown, report)
    resident = grown[smallest].resident / _MEBIBYTE
    report.single(_SECTION, f"resident memory with {smallest.name}", resident, "MiB")


async def _grow(stack: AsyncExitStack, stage: Stage, size: Size) -> _Grown:
    simulator = stage.simulator
    bots = [simulator.add_bot(f"growth{size.groups}_{size.memberships}_{size.bots}_{n}_bot") for n in range(size.bots)]
    population = Population(bots, groups=size.groups, memberships=size.memberships)
    url = await stage.database()
    await population.settle(stage, url)
    settings = {"CACHE_L1_SIZE": "2000000"}
    server = await stack.enter_async_context(
        stage.instance(size.name, token=bots[0].token, database_url=url, settings=settings)
    )
    await population.remember(stage, server)
    await server.at_rest()
    return _Grown(size, Entrant(server, population.requests(stage, _BODIES)), server.resident_bytes())


def _cost(along: str, sizes: Sequence[Size], rounds: Mapping[str, Sequence[Round]], report: Report) -> None:
    """Judge the largest against the smallest, round by round, and draw the curve."""
    first, last = rounds[sizes[0].name], rounds[sizes[-1].name]
    ratios = [many.cpu_us / few.cpu_us for few, many in zip(first, last, strict=True)]
    title = f"CPU time per update, {_extent(along, sizes[-1]):,} {along} against {_extent(along, sizes[0]):,}"
    report.rounds(_SECTION, title, ratios, "x", _FLAT)
    points = []
    for size in sizes:
        figures = summary([each.cpu_us for each in rounds[size.name]])
        points.append((float(_extent(along, size)), figures.median, figures.low, figures.high))
    report.curves.append(Curve(f"CPU time per update by {along}", along, "µs", tuple(points)))


def _memory(along: str, sizes: Sequence[Size], grown: Mapping[Size, _Grown], report: Report) -> None:
    """Share what the largest holds more than the smallest among what it has more of."""
    most = _extent(along, sizes[-1])
    held = (grown[sizes[-1]].resident - grown[sizes[0]].resident) / (most - _extent(along, sizes[0]))
    match along:
        case "hosted bots":
            title = f"resident memory per idle bot, {most:,} of them"
            report.single(_SECTION, title, held / _MEBIBYTE, "MiB", Target("<", 0.5))
        case "groups":
            report.single(_SECTION, f"resident bytes per protected group, {most:,} of them", held, "B")
        case _:
            title = f"resident bytes per membership, {most:,} of them"
            report.single(_SECTION, title, held, "B", Target("<", 250))


def _extent(along: str, size: Size) -> int:
    return {"groups": size.groups, "memberships in memory": size.memberships, "hosted bots": size.bots}[along]
