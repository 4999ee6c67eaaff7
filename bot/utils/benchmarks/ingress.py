"""Messages of verified members, against a server that does nothing and against other frameworks' webhooks."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bot.domain.ids import BotId
from bot.utils.benchmarks.contest import Entrant, Round, contest
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.metrics import check_verified
from bot.utils.benchmarks.population import Population
from bot.utils.benchmarks.processes import free_port, running_server
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage

SECTION = "ingress"
RIVALS = Path(__file__).parents[3] / "tests" / "benchmarks"
_OURS = "gmbot serve"
_MEMBERSHIPS = 1_000
_BODIES = 1_000


@dataclass(frozen=True, slots=True)
class Rival:
    """A server to compare with: a script that takes a port and a secret."""

    name: str
    script: str
    needs: tuple[str, ...]
    target: Target


_RIVALS: Sequence[Rival] = (
    Rival("a no-op ASGI application on uvicorn", "noop_asgi.py", ("uvicorn",), Target(">=", 0.85)),
    Rival("python-telegram-bot's webhook", "ptb_webhook.py", ("telegram", "tornado"), Target(">=", 10)),
    Rival("aiogram's webhook", "aiogram_webhook.py", ("aiogram",), Target(">=", 10)),
)


async def measure_ingress(stage: Stage, effort: Effort, report: Report) -> None:
    """Compare the instance with every rival that is there."""
    bot = stage.simulator.add_bot("ingress_bot")
    population = Population([bot], groups=10, memberships=_MEMBERSHIPS)
    url = await stage.database()
    await population.settle(stage, url)
    requests = population.requests(stage, _BODIES)
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(stage.instance(_OURS, token=bot.token, database_url=url))
        await population.remember(stage, ours)
        entrants, rivals = [Entrant(ours, requests)], []
        for rival in _RIVALS:
            if (reason := missing(rival)) is not None:
                report.skipped[f"ingress against {rival.name}"] = reason
                continue
            port, path = free_port(), f"/telegram/{bot.id}"
            command = (str(RIVALS / rival.script), str(port), stage.secret(BotId(bot.id)), path)
            server = await stack.enter_async_context(running_server(rival.name, command, port=port))
            server.use_core(stage.cores.server)
            entrants.append(Entrant(server, requests))
            rivals.append(rival)
        rounds = await contest(entrants, effort=effort, cores=stage.cores)
        await check_verified(ours)
    _report(rounds, rivals, report)


def missing(rival: Rival) -> str | None:
    """Say in a sentence why a rival cannot run here; None when it can."""
    if not (RIVALS / rival.script).exists():
        return "it is in the repository only, not in the installed package"
    absent = [name for name in rival.needs if find_spec(name) is None]
    return f"it needs {' and '.join(absent)}; `make test` installs what development needs" if absent else None


def _report(rounds: Mapping[str, Sequence[Round]], rivals: Sequence[Rival], report: Report) -> None:
    for name, each in rounds.items():
        report.rounds(SECTION, f"{name}: CPU time per update", [one.cpu_us for one in each], "µs")
        report.rounds(SECTION, f"{name}: updates per second on one core", [one.per_second for one in each], "/s")
        report.rounds(SECTION, f"{name}: p99 with 50 connections", [one.p99_ms for one in each], "ms")
    ours = rounds[_OURS]
    for rival in rivals:
        theirs = rounds[rival.name]
        by_cpu = [them.cpu_us / us.cpu_us for us, them in zip(ours, theirs, strict=True)]
        by_rate = [us.per_second / them.per_second for us, them in zip(ours, theirs, strict=True)]
        report.rounds(SECTION, f"GMBot against {rival.name}, by CPU time", by_cpu, "x", rival.target)
        report.rounds(SECTION, f"GMBot against {rival.name}, by updates per second", by_rate, "x", rival.target)
