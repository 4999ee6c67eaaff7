"""Three instances, real servers, lively people, and something killed all the time: `make chaos`.

Every update the simulator makes is accounted for, every mute is judged at the moment Telegram carries it out, and at
the end nobody who is in the channels may be muted by us. Exit status 1 when any of this does not hold.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import asyncpg
from rich.progress import Progress

from bot.simulator import Call, NotSettled, Simulator
from tests.faults.crowd import PEOPLE, Crowd
from tests.faults.front import front
from tests.faults.stage import Home, Note, Outside, home, servers
from tests.faults.takeover import Coroner
from tests.kits.leash import with_own_files
from tests.kits.platform import Instance, Platform, furnish
from tests.kits.ports import free_port

_INSTANCES = 3
MOST_DETECTED_SECONDS = 2.0
"""Two seconds without a heartbeat, and how exactly that is measured."""
MOST_RESUMED_SECONDS = 5.0
# Between two kills.
MOST_QUIET_SECONDS = 10.0
_MENTION = re.compile(r"tg://user\?id=\d+")


@dataclass
class Report:
    """What happened, counted."""

    seconds: float = 0.0
    seed: int = 0
    note: Note = field(default_factory=Note)
    people: int = PEOPLE
    kills: dict[str, int] = field(default_factory=dict)
    kill_log: list[tuple[float, str]] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=dict)
    updates: int = 0
    attempts: int = 0
    updates_lost: int = 0
    acknowledged_twice: int = 0
    dead_letters: int = 0
    mutes: int = 0
    mutes_doubled: int = 0
    lifts: int = 0
    prompts: int = 0
    prompts_doubled: int = 0
    wrong_mutes: int = 0
    stuck_muted: int = 0
    moderation_lost: int = 0
    cases_open: int = 0
    prompts_left: int = 0
    recovered_in_seconds: float = 0.0
    detected_seconds: list[float] = field(default_factory=list)
    resumed_seconds: list[float] = field(default_factory=list)

    @property
    def longest_quiet_seconds(self) -> float:
        """The longest time between two kills."""
        moments = [0.0, *(at for at, _ in self.kill_log), self.seconds]
        return round(max(later - earlier for earlier, later in pairwise(moments)), 1)

    @property
    def faults(self) -> list[str]:
        """Name what must be nought and is not. A crash while a prompt is being sent may cost one more."""
        nought = (
            "updates_lost",
            "dead_letters",
            "mutes_doubled",
            "wrong_mutes",
            "stuck_muted",
            "moderation_lost",
            "cases_open",
        )
        found = [f"{name}: {getattr(self, name)}" for name in nought if getattr(self, name)]
        most = sum(self.kills.values())
        found += [
            f"{name}: {getattr(self, name)}"
            for name in ("prompts_doubled", "prompts_left")
            if getattr(self, name) > most
        ]
        return found

    @property
    def slow(self) -> list[str]:
        """Name what took longer than it may, on a machine that does nothing else."""
        limits = (
            ("detected", self.detected_seconds, MOST_DETECTED_SECONDS),
            ("resumed", self.resumed_seconds, MOST_RESUMED_SECONDS),
        )
        return [f"{name} after {max(found)} s" for name, found, most in limits if found and max(found) > most]


class Judge:
    """Follows the Bot API calls: what was done, what twice, and what to the wrong one."""

    def __init__(self, crowd: Crowd, report: Report) -> None:
        self._crowd = crowd
        self._report = report
        self._judged = 0
        self._mutes: dict[tuple[int, int], tuple[object, float]] = {}
        self._prompts: dict[tuple[int, str], set[object]] = defaultdict(set)

    def catch_up(self) -> None:
        """Judge the calls that have ended, in their order."""
        for call in self._crowd.sim.calls[self._judged :]:
            if call.is_running:
                return
            self._judged += 1
            if call.status == 200:
                self._judge(call)

    def _judge(self, call: Call) -> None:
        params = call.params
        if call.method == "restrictChatMember":
            self._restricted(call)
        elif call.method == "sendMessage" and (named := _MENTION.search(str(params.get("text")))):
            standing = self._prompts[int(str(params["chat_id"])), named.group()]
            self._report.prompts += 1
            self._report.prompts_doubled += bool(standing)
            standing.add(call.result["message_id"] if isinstance(call.result, dict) else None)
        elif call.method in {"deleteMessage", "deleteMessages"}:
            found = params.get("message_ids", [params.get("message_id")])
            gone = {int(str(each)) for each in found} if isinstance(found, list) else set()
            for (chat, _), prompts in self._prompts.items():
                if chat == int(str(params["chat_id"])):
                    prompts.difference_update(gone)

    def _restricted(self, call: Call) -> None:
        permissions = call.params["permissions"]
        is_mute = isinstance(permissions, dict) and not any(permissions.values())
        where = int(str(call.params["chat_id"])), int(str(call.params["user_id"]))
        before = self._mutes.pop(where, None)
        if not is_mute:
            self._report.lifts += 1
            return
        # Its end is different for each case. Done again, with nobody else's act in between, it was done in vain.
        until, acted = call.params.get("until_date"), self._crowd.acted_at.get(where, 0.0)
        self._report.mutes += 1
        self._report.mutes_doubled += before is not None and before[0] == until and acted < before[1]
        self._mutes[where] = until, call.at
        self._report.wrong_mutes += self._crowd.judge(call)


class Reaper:
    """Kills one thing after the other, and sees to it that each comes back."""

    def __init__(
        self,
        *,
        where: Home,
        platform: Platform,
        instances: Sequence[Instance],
        outside: Outside,
        coroner: Coroner,
        dice: random.Random,
    ) -> None:
        self._home = where
        self._platform = platform
        self._instances = instances
        self._outside = outside
        self._coroner = coroner
        self._dice = dice
        self._alone = asyncio.Lock()
        self.log: list[tuple[float, str]] = []

    async def strike(self, at: float) -> None:
        """Kill something."""
        targets = {self.instance: 5, self.redis: 2, self.postgres: 2, self.telegram: 1}
        target = self._dice.choices(list(targets), list(targets.values()))[0]
        self.log.append((round(at, 1), target.__name__))
        await target()

    async def instance(self) -> None:
        """Kill an instance in the middle of its work, if one has any; a supervisor starts it again."""
        async with self._alone:
            victim = await self._coroner.busy(self._instances, 0.5) or self._dice.choice(self._instances)
            victim.kill()
            dead = self._coroner.buried(victim)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._coroner.watch(dead))
                await victim.stop()
                await victim.start({**os.environ, **self._platform.environment(victim.port, **self._outside.changes)})
                await self._coroner.register(victim)

    async def redis(self) -> None:
        """Kill Valkey; its keeper starts it again."""
        _kill(self._home.valkey())

    async def postgres(self) -> None:
        """Kill PostgreSQL; its keeper starts it again."""
        _kill(self._home.postgres())

    async def telegram(self) -> None:
        """Have Telegram go away for a second."""
        await self._outside.restart()


def _kill(pid: int | None) -> None:
    if pid is not None:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


async def chaos(seconds: float, *, every: float, rate: float, seed: int, progress: Progress) -> Report:
    """Run for `seconds`, killing something `every` so many, with `rate` acts a second."""
    report, dice = Report(seed=seed, seconds=seconds), random.Random(seed)
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        pair = await stack.enter_async_context(servers(where))
        sim, port = Simulator(), free_port()
        lounge = furnish(sim)
        outside = Outside(sim, free_port(), {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"})
        await outside.open()
        stack.push_async_callback(outside.close)
        platform = Platform(sim, pair.database_url, pair.redis_url, lounge.bot)
        instances, coroner = list[Instance](), Coroner(platform)
        for _ in range(_INSTANCES):
            instances.append(await stack.enter_async_context(platform.process(free_port(), **outside.changes)))
            await coroner.register(instances[-1])
        await stack.enter_async_context(front(where.path / "nginx", port, *(each.port for each in instances)))
        await platform.webhook_is_set()
        crowd = Crowd(lounge, dice)
        await sim.settled(30)
        await crowd.protect()
        reaper = Reaper(
            where=where, platform=platform, instances=instances, outside=outside, coroner=coroner, dice=dice
        )
        judge = Judge(crowd, report)
        await _live(report, every, rate, crowd, reaper, judge, progress)
        report.kill_log, report.kills = reaper.log, dict(Counter(name for _, name in reaper.log))
        report.detected_seconds, report.resumed_seconds = coroner.takeovers.detected, coroner.takeovers.resumed
        report.acts = dict(crowd.acts)
        await _recover(crowd, platform, report, judge)
    return report


async def _live(
    report: Report, every: float, rate: float, crowd: Crowd, reaper: Reaper, judge: Judge, progress: Progress
) -> None:
    bar = progress.add_task("chaos", total=report.seconds)
    began = time.monotonic()
    next_kill = began + every
    async with asyncio.TaskGroup() as tasks:
        while (now := time.monotonic()) - began < report.seconds:
            crowd.act()
            judge.catch_up()
            if now > next_kill:
                tasks.create_task(reaper.strike(now - began))
                next_kill += every
            progress.update(bar, completed=now - began, description=f"chaos, {len(reaper.log)} kills")
            await asyncio.sleep(1 / rate)


async def _recover(crowd: Crowd, platform: Platform, report: Report, judge: Judge) -> None:
    """End the trouble, have everybody join, and see what is left."""
    began = time.monotonic()
    await asyncio.sleep(2)
    crowd.all_join()
    deadline = began + 90
    while time.monotonic() < deadline:
        with suppress(Exception):
            await crowd.sim.settled(5)
            if not await platform.open_cases() and not crowd.stuck():
                break
        await asyncio.sleep(0.2)
    # The echoes of the last lifts are updates, too.
    with suppress(NotSettled):
        await crowd.sim.settled(20)
    report.recovered_in_seconds = round(time.monotonic() - began, 1)
    judge.catch_up()
    report.stuck_muted = crowd.stuck()
    report.moderation_lost = crowd.moderation_lost()
    report.prompts_left = crowd.prompts()
    await _account(crowd, platform, report)


async def _account(crowd: Crowd, platform: Platform, report: Report) -> None:
    made = set(range(crowd.first_update, crowd.sim.last_update_id(platform.bot) + 1))
    answered = Counter(each.update_id for each in crowd.sim.deliveries if each.status is not None and each.status < 300)
    report.updates, report.attempts = len(made), len(crowd.sim.deliveries)
    report.updates_lost = len(made - answered.keys())
    report.acknowledged_twice = sum(count > 1 for count in answered.values())
    try:
        report.cases_open = len(await platform.open_cases())
        report.dead_letters = len(await platform.fetch("SELECT 1 FROM dead_letters"))
    except (OSError, asyncpg.PostgresError) as error:
        sys.exit(f"PostgreSQL did not come back: {error}")


def main() -> int:
    """Run chaos as asked and print the report."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long (default 120)")
    parser.add_argument("--every", type=float, default=8, help="seconds between kills (default 8)")
    parser.add_argument("--rate", type=float, default=30, help="acts a second (default 30)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="for the same dice again")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    wanted = parser.parse_args()
    with Progress() as progress:
        report = asyncio.run(
            chaos(wanted.seconds, every=wanted.every, rate=wanted.rate, seed=wanted.seed, progress=progress)
        )
    text = json.dumps(asdict(report), indent=2)
    print(text)
    if wanted.json:
        wanted.json.write_text(text, encoding="utf-8")
    broken = [*report.faults, *report.slow]
    if report.longest_quiet_seconds > MOST_QUIET_SECONDS:
        print(f"nothing was killed for {report.longest_quiet_seconds} s")
    print("FAILED: " + "; ".join(broken) if broken else "passed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(with_own_files(main))
