"""Several servers on one core under the same load, in interleaved rounds, so that what disturbs one disturbs all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.load import burst
from bot.utils.benchmarks.processes import BenchmarkError, Server
from bot.utils.benchmarks.stage import Cores

_WARM_UP_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one round."""

    cpu_us: float
    """CPU time per update, with what was worked off after the answer."""
    per_second: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Entrant:
    """A server and the requests it gets."""

    server: Server
    requests: Sequence[bytes]


async def contest(entrants: Sequence[Entrant], *, effort: Effort, cores: Cores) -> Mapping[str, list[Round]]:
    """Put the servers under load in turn, round by round, and return each one's rounds by its name."""
    rounds: dict[str, list[Round]] = {entrant.server.name: [] for entrant in entrants}
    for entrant in entrants:
        await _run(entrant, _WARM_UP_SECONDS, cores)
    for number in range(effort.rounds):
        # Each goes first as often as last.
        for entrant in entrants if number % 2 else reversed(entrants):
            rounds[entrant.server.name].append(await _run(entrant, effort.seconds, cores))
    return rounds


async def _run(entrant: Entrant, seconds: float, cores: Cores) -> Round:
    server = entrant.server
    before = server.cpu_seconds()
    tally = await burst(server.port, entrant.requests, seconds=seconds, core=cores.rest)
    await server.at_rest()
    if tally.refused or not tally.answered:
        raise BenchmarkError(f"{server.name} refused {tally.refused} of {tally.refused + tally.answered} updates")
    return Round(
        cpu_us=(server.cpu_seconds() - before) / tally.answered * 1e6,
        per_second=tally.answered / tally.seconds,
        p99_ms=tally.p99_ms,
    )
