"""Hours of load on real instances behind nginx, with every update accounted for: `make soak`, `FULL=1 make soak`.

Messages fall due in an open loop and are counted from the moment they were due, so that a stall cannot hide. The
simulator delivers them as Telegram does, by webhook, each chat in order, over up to 100 connections. Exit status 1 when
a ceiling is broken.
"""

import argparse
import asyncio
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import uvloop
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from bot.simulator import FloodLimits, Simulator
from tests.faults.front import Front, front
from tests.faults.load import Load, Pace, young_garbage_only
from tests.faults.meters import Meters, Reading
from tests.faults.stage import Home, Note, home, servers
from tests.faults.tally import Tally, milliseconds
from tests.faults.town import Town, build
from tests.kits.leash import with_own_files
from tests.kits.platform import Instance, Platform
from tests.kits.ports import free_port

# MISSION C2 and C4. Errors are deliveries that did not end in 2xx, per update; one that the bot puts off with a
# Retry-After is none: Telegram keeps the update, and the wait counts in the time until it is answered.
MOST_ERRORS_PERCENT = 0.02
MOST_P99_MS = 500.0
MOST_MEMORY = 2.0
MOST_MEMORY_AFTER = 1.25
MOST_MEMORY_PER_RESTART = 1.1
MOST_DRIFT_PERCENT = 20.0
# Medians of a millisecond or two differ by more than a fifth from one minute to the next without anything being wrong.
DRIFT_GRAIN_MS = 2.0

# A slope through fewer readings says nothing.
_FEWEST_FOR_A_SLOPE = 20
REST_SECONDS = 10.0
_SETTLE_SECONDS = 90.0
_RECORDS_KEPT = 50_000


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One kind of load."""

    name: str
    seconds: float
    rate: float
    groups: int
    members: int
    strangers: float
    restarts: int = 0

    @property
    def pace(self) -> Pace:
        """How much is written."""
        return Pace(seconds=self.seconds, rate=self.rate, strangers=self.strangers)


# A bot sends 25 messages a second at most (Telegram allows 30) and a group takes 20 a minute, so prompts are what
# bounds the share of strangers at such rates.
SHORT = (
    Phase(
        name="1,000 messages/s over 100 connections", seconds=75, rate=1000, groups=100, members=500, strangers=0.015
    ),
    Phase(name="50 users at 500 messages/s", seconds=60, rate=500, groups=50, members=50, strangers=0.01),
    Phase(
        name="instances restarted under load", seconds=90, rate=200, groups=50, members=250, strangers=0.01, restarts=6
    ),
)
FULL = (
    replace(SHORT[0], seconds=1800),
    replace(SHORT[1], seconds=1800),
    replace(SHORT[2], seconds=3600, restarts=15),
)


@dataclass
class PhaseReport:
    """What one phase came to."""

    phase: Phase
    instances: int
    connections: int = 0
    counts: dict[str, Any] = field(default_factory=dict)
    updates_lost: int = 0
    effects_missing: int = 0
    left_muted: int = 0
    cases_open: int = 0
    dead_letters: int = 0
    errors_percent: float = 0.0
    answered: dict[str, float] = field(default_factory=dict)
    muted: dict[str, float] = field(default_factory=dict)
    freed: dict[str, float] = field(default_factory=dict)
    drift_percent: float = 0.0
    generator_late_ms: float = 0.0
    timeline: list[dict[str, float]] = field(default_factory=list)
    baseline_mb: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    after_mb: dict[str, float] = field(default_factory=dict)
    before_restart_mb: list[float] = field(default_factory=list)
    growth_mb_per_hour: float = 0.0
    """Of the instance that is never restarted, in the second half."""
    readings: dict[str, list[Reading]] = field(default_factory=dict)

    @property
    def lost(self) -> list[str]:
        """Name what was lost, doubled or done to the wrong one."""
        nought = ("updates_lost", "effects_missing", "left_muted", "cases_open", "dead_letters")
        found = [f"{name}: {getattr(self, name)}" for name in nought if getattr(self, name)]
        return found + [
            f"{name}: {self.counts[name]}" for name in ("effects_doubled", "wrong_mutes") if self.counts[name]
        ]

    @property
    def faults(self) -> list[str]:
        """Name every ceiling that is broken."""
        found = self.lost
        if self.errors_percent > MOST_ERRORS_PERCENT:
            found.append(f"errors: {self.errors_percent:.3f} %")
        if self.answered["p99"] >= MOST_P99_MS:
            found.append(f"p99: {self.answered['p99']:g} ms")
        if self.drift_percent >= MOST_DRIFT_PERCENT:
            found.append(f"drift: {self.drift_percent:g} %")
        return [f"{self.phase.name}: {fault}" for fault in [*found, *self._memory_faults()]]

    def _memory_faults(self) -> list[str]:
        found = []
        for name, baseline in self.baseline_mb.items():
            if self.peak_mb[name] > MOST_MEMORY * baseline:
                found.append(f"memory of {name}: {self.peak_mb[name]:g} MB, {baseline:g} MB before the load")
            if self.after_mb[name] > MOST_MEMORY_AFTER * baseline:
                found.append(f"memory of {name} afterwards: {self.after_mb[name]:g} MB, {baseline:g} MB before")
        half = len(self.before_restart_mb) // 2
        if half and median(self.before_restart_mb[-half:]) > MOST_MEMORY_PER_RESTART * median(
            self.before_restart_mb[:half]
        ):
            found.append(f"memory grows from restart to restart: {self.before_restart_mb}")
        return found


@dataclass
class Report:
    """What all phases came to."""

    seed: int
    note: Note = field(default_factory=Note)
    full: bool = False
    sampled_every_seconds: float = 0.0
    phases: list[PhaseReport] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Name every ceiling that is broken."""
        return [fault for phase in self.phases for fault in phase.faults]


class Trial:
    """One phase on instances of its own."""

    def __init__(
        self, phase: Phase, *, instances: int, every: float, rest: float, seed: int, progress: Progress
    ) -> None:
        self._phase = phase
        self._every = every
        self._rest = rest
        self._dice = random.Random(seed)
        self._count = instances
        self._progress = progress
        self._report = PhaseReport(phase, instances)

    async def run(self) -> PhaseReport:
        """Set everything up, put it under load, let it rest, and report."""
        bar = self._progress.add_task(f"{self._phase.name}: starting", total=self._phase.seconds)
        async with AsyncExitStack() as stack:
            where = await stack.enter_async_context(home())
            pair = await stack.enter_async_context(servers(where))
            sim = Simulator(keeps=_RECORDS_KEPT, flood_limits=FloodLimits())
            town = build(
                sim,
                groups=self._phase.groups,
                members=self._phase.members,
                strangers=self._phase.pace.strangers_needed,
            )
            await stack.enter_async_context(sim.serving())
            platform, port = Platform(sim, pair.database_url, pair.redis_url, town.bot), free_port()
            changes = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"}
            instances = [
                await stack.enter_async_context(platform.process(free_port(), **changes)) for _ in range(self._count)
            ]
            nginx = await stack.enter_async_context(front(where.path / "nginx", port, *(i.port for i in instances)))
            await platform.webhook_is_set()
            await town.protect(platform)
            await town.rehearse()
            await asyncio.sleep(2)
            restart = Restarts(self._phase, instances, platform, changes)
            await self._measure(town, platform, nginx, _meters(where, instances, nginx.pid), restart, bar)
        return self._report

    async def _measure(
        self, town: Town, platform: Platform, nginx: Front, meters: Meters, restarts: "Restarts", bar: TaskID
    ) -> None:
        report, tally = self._report, Tally(town)
        load = Load(town, self._phase.pace, tally, self._dice)
        names = [name for name in meters.readings if name.startswith("instance")]
        meters.read(0)
        report.baseline_mb = {name: meters.memory(name) for name in names}

        def show(seconds: float) -> None:
            self._progress.update(bar, completed=seconds, description=f"{self._phase.name}: {tally.counts.updates}")

        loop = asyncio.get_running_loop()
        began = loop.time()
        with young_garbage_only():
            await self._load(load, nginx, meters, restarts, show)
        meters.read(loop.time() - began)
        report.before_restart_mb = restarts.memory_mb
        self._conclude(tally, town, meters, names)
        report.cases_open = len(await platform.open_cases())
        report.dead_letters = len(await platform.fetch("SELECT 1 FROM dead_letters"))

    async def _load(
        self, load: Load, nginx: Front, meters: Meters, restarts: "Restarts", show: Callable[[float], None]
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            metering = tasks.create_task(_meter(meters, self._every))
            restarting = tasks.create_task(restarts.run(meters))
            await load.run(show)
            self._report.connections = nginx.connections()
            await restarting
            await load.settle(_SETTLE_SECONDS)
            await asyncio.sleep(self._rest)
            metering.cancel()

    def _conclude(self, tally: Tally, town: Town, meters: Meters, names: Sequence[str]) -> None:
        report, counts = self._report, tally.counts
        report.counts = counts.plain()
        report.updates_lost, report.effects_missing = tally.lost, tally.effects_missing
        report.left_muted = town.muted()
        report.errors_percent = round(100 * sum(counts.failed_attempts.values()) / max(1, counts.updates), 4)
        seconds = tally.until_answered
        report.answered = milliseconds(each for second in seconds for each in second)
        report.muted, report.freed = milliseconds(tally.until_muted), milliseconds(tally.until_free)
        report.drift_percent = _drift(seconds)
        report.generator_late_ms = round(1000 * tally.latest, 1)
        report.timeline = _timeline(seconds, self._every)
        report.readings = meters.readings
        report.growth_mb_per_hour = _growth(meters.readings[names[-1]], self._phase.seconds)
        for name in names:
            report.peak_mb[name] = max(reading.memory_mb for reading in meters.readings[name])
            report.after_mb[name] = meters.memory(name)


class Restarts:
    """Restarts one instance after the other, as a deployment does; the last one is never touched."""

    def __init__(
        self, phase: Phase, instances: Sequence[Instance], platform: Platform, changes: dict[str, str]
    ) -> None:
        self._phase = phase
        self._instances = instances
        self._platform = platform
        self._changes = changes
        self.memory_mb: list[float] = []

    async def run(self, meters: Meters) -> None:
        """Restart so many times, evenly spread."""
        loop = asyncio.get_running_loop()
        began, rolling = loop.time(), max(1, len(self._instances) - 1)
        for number in range(self._phase.restarts):
            moment = began + self._phase.seconds * (number + 0.5) / self._phase.restarts
            await asyncio.sleep(max(0.0, moment - loop.time()))
            victim = number % rolling
            self.memory_mb.append(meters.memory(f"instance {victim + 1}"))
            instance = self._instances[victim]
            await instance.stop()
            await instance.start({**os.environ, **self._platform.environment(instance.port, **self._changes)})
            await instance.until_ready()


def _meters(where: Home, instances: Sequence[Instance], nginx: int) -> Meters:
    def finder(instance: Instance) -> Callable[[], int | None]:
        return lambda: instance.pid

    return Meters(
        {
            **{f"instance {number}": finder(instance) for number, instance in enumerate(instances, 1)},
            "simulator and load": os.getpid,
            "nginx": lambda: nginx,
            "PostgreSQL": where.postgres,
            "Valkey": where.valkey,
        }
    )


async def _meter(meters: Meters, every: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        await asyncio.sleep(every - (loop.time() - began) % every)
        meters.read(loop.time() - began)


def _drift(seconds: Sequence[Sequence[float]]) -> float:
    """Return by how many percent the median of the last tenth lies above the second's; the first is warm-up."""
    tenth = max(1, len(seconds) // 10)
    before = [each for second in seconds[tenth : 2 * tenth] for each in second]
    after = [each for second in seconds[-tenth:] for each in second]
    if not before or not after:
        return 0.0
    start, end = 1000 * median(before), 1000 * median(after)
    return round(100 * (end - start) / start, 1) if abs(end - start) > DRIFT_GRAIN_MS else 0.0


def _growth(readings: Sequence[Reading], seconds: float) -> float:
    """Return the slope of the memory in the second half of the load, in MB an hour."""
    late = [reading for reading in readings if seconds / 2 < reading.at < seconds]
    if len(late) < _FEWEST_FOR_A_SLOPE:
        return 0.0
    return round(3600 * linear_regression([each.at for each in late], [each.memory_mb for each in late]).slope, 1)


def _timeline(seconds: Sequence[Sequence[float]], every: float) -> list[dict[str, float]]:
    step = max(1, round(every))
    return [
        {"at": first, **milliseconds(each for second in seconds[first : first + step] for each in second)}
        for first in range(0, len(seconds), step)
    ]


async def soak(
    phases: Sequence[Phase],
    *,
    instances: int,
    every: float,
    seed: int,
    progress: Progress,
    rest: float = REST_SECONDS,
    keep: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Run the phases one after the other; `keep` gets the report after each."""
    report = Report(seed=seed, sampled_every_seconds=every)
    for phase in phases:
        trial = Trial(phase, instances=instances, every=every, rest=rest, seed=seed, progress=progress)
        report.phases.append(await trial.run())
        keep(report)
    return report


def main() -> int:
    """Run the soak as asked and print the report."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--full", action="store_true", help="30, 30 and 60 minutes, with 15 restarts")
    parser.add_argument("--seconds", type=float, help="the length of each phase")
    parser.add_argument("--rates", type=float, nargs="*", default=[], help="messages a second in each phase")
    parser.add_argument("--phases", type=int, nargs="*", default=[1, 2, 3], help="which phases (default: 1 2 3)")
    parser.add_argument("--strangers", type=float, help="percent of messages that are a stranger's first")
    parser.add_argument("--instances", type=int, default=3, help="instances behind nginx (default 3)")
    parser.add_argument("--every", type=float, help="seconds between samples of CPU and memory (default 5, full 30)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="for the same dice again")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    wanted = parser.parse_args()
    phases = _chosen(FULL if wanted.full else SHORT, wanted)
    every = wanted.every or (30.0 if wanted.full else 5.0)

    def keep(report: Report) -> None:
        report.full = wanted.full
        if wanted.json:
            wanted.json.write_text(json.dumps(asdict(report), indent=1), encoding="utf-8")

    with Progress() as progress, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(
            soak(phases, instances=wanted.instances, every=every, seed=wanted.seed, progress=progress, keep=keep)
        )
    Console().print(table(report))
    print("FAILED: " + "; ".join(report.faults) if report.faults else "passed")
    return 1 if report.faults else 0


def table(report: Report) -> Table:
    """Put what matters side by side."""
    found = Table("", *(phase.phase.name for phase in report.phases), title=f"soak, seed {report.seed}")
    rows: dict[str, Callable[[PhaseReport], str]] = {
        "messages in seconds": lambda each: f"{each.counts['messages']} in {each.phase.seconds:.0f}",
        "updates, lost, twice": lambda each: (
            f"{each.counts['updates']}, {each.updates_lost}, {each.counts['acknowledged_twice']}"
        ),
        "failed deliveries": lambda each: f"{each.errors_percent:g} % {each.counts['failed_attempts'] or ''}",
        "put off with Retry-After": lambda each: f"{each.counts['put_off']}",
        "answered p50, p99, max ms": lambda each: _shares(each.answered),
        "muted p50, p99, max ms": lambda each: _shares(each.muted),
        "freed p50, p99, max ms": lambda each: _shares(each.freed),
        "strangers, missing, doubled": lambda each: (
            f"{each.counts['strangers']}, {each.effects_missing}, {sum(each.counts['effects_doubled'].values())}"
        ),
        "drift": lambda each: f"{each.drift_percent:+g} %",
        "MB before, peak, after": lambda each: ", ".join(
            f"{max(found.values()):.0f}" for found in (each.baseline_mb, each.peak_mb, each.after_mb)
        ),
        "MB before restarts": lambda each: " ".join(f"{found:.0f}" for found in each.before_restart_mb),
    }
    for name, say in rows.items():
        found.add_row(name, *(say(phase) for phase in report.phases))
    return found


def _shares(found: dict[str, float]) -> str:
    return ", ".join(f"{found[name]:g}" for name in ("p50", "p99", "max"))


def _chosen(phases: Sequence[Phase], wanted: argparse.Namespace) -> list[Phase]:
    rated = [
        replace(phase, rate=rate or phase.rate)
        for phase, rate in zip(phases, [*wanted.rates, *([0.0] * len(phases))], strict=False)
    ]
    chosen = [rated[number - 1] for number in wanted.phases]
    if wanted.seconds:
        chosen = [replace(phase, seconds=wanted.seconds) for phase in chosen]
    if wanted.strangers is not None:
        chosen = [replace(phase, strangers=wanted.strangers / 100) for phase in chosen]
    return chosen


if __name__ == "__main__":
    sys.exit(with_own_files(main))
