"""Calls to the Bot API: python-telegram-bot on GMBot's transport against the same library's own."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from importlib.util import find_spec

from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.ingress import RIVALS
from bot.utils.benchmarks.processes import BenchmarkError, free_port, running_server
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage

_SECTION = "outgoing"
_PATIENCE_SECONDS = 120
_IN_FLIGHT = (1, 50)
_ANSWERING = "bot.utils.benchmarks.answering"
_CALLING = "bot.utils.benchmarks.calling"


async def measure_outgoing(stage: Stage, effort: Effort, report: Report) -> None:
    """Let both make the same calls, in turn."""
    script = RIVALS / "ptb_calls.py"
    if not script.exists() or find_spec("httpx") is None:
        report.skipped["outgoing against python-telegram-bot's own transport"] = "it is in the repository only"
        return
    async with AsyncExitStack() as stack:
        port = free_port()
        answering = await stack.enter_async_context(
            running_server("the answering server", ("-m", _ANSWERING, str(port)), port=port)
        )
        answering.use_core(stage.cores.rest)
        for in_flight in _IN_FLIGHT:
            ours, theirs = [], []
            arguments = (f"http://127.0.0.1:{port}", str(effort.calls), str(in_flight))
            for _ in range(effort.rounds):
                ours.append(await _cpu(("-m", _CALLING, *arguments), stage.cores.server))
                theirs.append(await _cpu((str(script), *arguments), stage.cores.server))
            report.rounds(_SECTION, f"GMBot: CPU time per call, {in_flight} in flight", ours, "µs")
            report.rounds(
                _SECTION, f"python-telegram-bot's own: CPU time per call, {in_flight} in flight", theirs, "µs"
            )
            ratios = [them / us for us, them in zip(ours, theirs, strict=True)]
            target = Target(">=", 4) if in_flight == _IN_FLIGHT[-1] else None
            report.rounds(_SECTION, f"times less CPU per call, {in_flight} in flight", ratios, "x", target)


async def _cpu(command: tuple[str, ...], core: int | None) -> float:
    """Run a caller on its core and return what it says of itself: microseconds of CPU time per call."""
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    async with asyncio.timeout(_PATIENCE_SECONDS):
        said, _ = await process.communicate()
    if process.returncode != 0:
        raise BenchmarkError(f"{command[0]} ended with status {process.returncode}")
    return float(said)
