"""Three instances, real servers, lively people, and something killed all the time: `make chaos`.

Every update the simulator makes is accounted for, every mute is judged at the moment Telegram carries it out, and at
the end nobody who is in the channels may be muted by us. Exit status 1 when any of this does not hold.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import asyncpg
from rich.progress import Progress

from bot.core.embedded import EmbeddedServers, embedded_servers
from bot.core.migrations import upgrade
from bot.simulator import Call, Chat, NotAllowed, Simulator, User
from tests.platform import Instance, Lounge, Platform, add_group, balancer, free_port, furnish

_INSTANCES = 3
_GROUPS = 3
_PEOPLE = 40
# How long ago somebody may have joined when a mute lands on them: the second question and the call take time.
_IN_FLIGHT_SECONDS = 3.0
_MEDIA_BAN = {"can_send_messages": True, "can_send_other_messages": True}


@dataclass
class Report:
    """What happened, counted."""

    seconds: float = 0.0
    seed: int = 0
    people: int = _PEOPLE
    kills: dict[str, int] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    updates: int = 0
    attempts: int = 0
    updates_lost: int = 0
    dead_letters: int = 0
    mutes: int = 0
    lifts: int = 0
    prompts: int = 0
    wrong_mutes: int = 0
    stuck_muted: int = 0
    moderation_lost: int = 0
    cases_open: int = 0
    prompts_left: int = 0
    recovered_in_seconds: float = 0.0

    @property
    def faults(self) -> list[str]:
        """Name what must be nought and is not. One prompt may be left behind per kill, and is tidied when pressed."""
        nought = ("updates_lost", "dead_letters", "wrong_mutes", "stuck_muted", "moderation_lost", "cases_open")
        found = [f"{name}: {getattr(self, name)}" for name in nought if getattr(self, name)]
        if self.prompts_left > sum(self.kills.values()):
            found.append(f"prompts_left: {self.prompts_left}")
        return found


class Crowd:
    """People who write, join, leave, press and moderate at random."""

    def __init__(self, lounge: Lounge, dice: random.Random, report: Report) -> None:
        self.sim = lounge.sim
        self._lounge = lounge
        self._dice = dice
        self._report = report
        self._acts: Counter[str] = Counter()
        self.groups = [
            lounge.group,
            *(add_group(lounge.sim, lounge.bot, lounge.owner, f"Group {n}") for n in range(1, _GROUPS)),
        ]
        self.channels = [lounge.news, lounge.insiders]
        self.required = {self.groups[0].id: [lounge.news], self.groups[1].id: [lounge.insiders]}
        self.required[self.groups[2].id] = self.channels
        self.people = [lounge.sim.add_user(f"Person{n:02}x") for n in range(_PEOPLE)]
        self.joined_at: dict[tuple[int, int], float] = {}
        self.restricted: dict[tuple[int, int], frozenset[str]] = {}
        for person in self.people:
            for group in self.groups:
                lounge.sim.join(person, group)

    async def protect(self) -> None:
        """Protect every group."""
        self.sim.say(self._lounge.owner, self.groups[0], "/protect @gm_news")
        self.sim.say(self._lounge.owner, self.groups[1], f"/protect {self._lounge.insiders.id}")
        self.sim.say(self._lounge.owner, self.groups[2], f"/protect @gm_news {self._lounge.insiders.id}")
        await self.sim.settled(20)

    def act(self) -> None:
        """Do one thing, if the world allows it."""
        weights = {self.speak: 70, self.change_channel: 18, self.press: 6, self.moderate: 3, self.come_and_go: 3}
        choice = self._dice.choices(list(weights), list(weights.values()))[0]
        with suppress(NotAllowed):
            choice(self._dice.choice(self.people), self._dice.choice(self.groups))
            self._acts[choice.__name__] += 1
            self._report.acts = dict(self._acts)

    def speak(self, person: User, group: Chat) -> None:
        """Write a line."""
        self.sim.say(person, group, "hello")

    def change_channel(self, person: User, _: Chat) -> None:
        """Join or leave a channel."""
        channel = self._dice.choice(self.channels)
        key = (channel.id, person.id)
        if key in self.joined_at:
            del self.joined_at[key]
            self.sim.leave(person, channel)
        else:
            self.sim.join(person, channel)
            self.joined_at[key] = time.monotonic()

    def press(self, person: User, group: Chat) -> None:
        """Press the button of one's own prompt."""
        for prompt in self._lounge.prompts(person, group)[:1]:
            self.sim.press(person, group, prompt.id, "v")

    def moderate(self, person: User, group: Chat) -> None:
        """Restrict somebody as a moderator, or end that."""
        owner, key = self._lounge.owner, (group.id, person.id)
        if key in self.restricted:
            self.sim.restrict(group, person, by=owner, permissions=True)
            del self.restricted[key]
        else:
            self.sim.restrict(group, person, by=owner, permissions=_MEDIA_BAN)
            self.restricted[key] = frozenset(self.sim.member(group, person).permissions)

    def come_and_go(self, person: User, group: Chat) -> None:
        """Leave the group and come back."""
        self.sim.leave(person, group)
        self.sim.join(person, group)

    def judge(self, call: Call) -> bool:
        """Whether a mute that Telegram has just carried out hits somebody who has been in the channels for a while."""
        group, person = int(str(call.params["chat_id"])), int(str(call.params["user_id"]))
        since = [self.joined_at.get((channel.id, person), time.monotonic()) for channel in self.required[group]]
        return all(time.monotonic() - joined > _IN_FLIGHT_SECONDS + call.seconds for joined in since)

    def all_join(self) -> None:
        """Have everybody join everything."""
        for person in self.people:
            for channel in self.channels:
                if (channel.id, person.id) not in self.joined_at:
                    self.sim.join(person, channel)
                    self.joined_at[channel.id, person.id] = time.monotonic()

    def stuck(self) -> int:
        """Count people who cannot write although they are in every channel."""
        return sum(not self.sim.can_speak(group, person) for group in self.groups for person in self.people)

    def moderation_lost(self) -> int:
        """Count moderators' restrictions that are not exactly what they were, and those that came from nowhere."""
        lost = 0
        for group in self.groups:
            for person in self.people:
                state = self.sim.member(group, person)
                wanted = self.restricted.get((group.id, person.id))
                given = frozenset(state.permissions) if state.status == "restricted" else None
                lost += given != wanted
        return lost

    def prompts(self) -> int:
        """Count prompts that still stand."""
        return sum(len(self._lounge.prompts(person, group)) for group in self.groups for person in self.people)


class Reaper:
    """Kills one thing after the other, and sees to it that each comes back."""

    def __init__(
        self, *, home: Path, platform: Platform, instances: list[Instance], outside: "Outside", dice: random.Random
    ) -> None:
        self._home = home
        self._platform = platform
        self._instances = instances
        self._outside = outside
        self._dice = dice
        self.kills: Counter[str] = Counter()

    async def strike(self) -> None:
        """Kill something."""
        targets = {self.instance: 5, self.redis: 2, self.postgres: 2, self.telegram: 1}
        target = self._dice.choices(list(targets), list(targets.values()))[0]
        await target()
        self.kills[target.__name__] += 1

    async def instance(self) -> None:
        """Kill an instance; a supervisor starts it again."""
        victim = self._dice.choice(self._instances)
        victim.kill()
        await victim.stop()
        await victim.start({**os.environ, **self._platform.environment(victim.port, **self._outside.changes)})

    async def redis(self) -> None:
        """Kill Valkey; its keeper starts it again."""
        self._kill(self._home / "servers" / "valkey" / "valkey.pid")

    async def postgres(self) -> None:
        """Kill PostgreSQL; its keeper starts it again."""
        self._kill(self._home / "servers" / "postgres" / "data" / "postmaster.pid")

    async def telegram(self) -> None:
        """Have Telegram go away for a second."""
        await self._outside.restart()

    def _kill(self, pid_file: Path) -> None:
        with suppress(OSError, ValueError, IndexError):
            os.kill(int(pid_file.read_text(encoding="ascii").split()[0]), signal.SIGKILL)


class Outside:
    """The simulator, served on one port, and served again after an outage."""

    def __init__(self, sim: Simulator, port: int, changes: dict[str, str]) -> None:
        self._sim = sim
        self._port = port
        self.changes = changes
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Serve."""
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._sim.serving(port=self._port))

    async def close(self) -> None:
        """Stop serving."""
        await self._stack.aclose()

    async def restart(self) -> None:
        """Be away for a second."""
        await self.close()
        await asyncio.sleep(1)
        await self.open()


@asynccontextmanager
async def servers(home: Path) -> AsyncIterator[EmbeddedServers]:
    """Run PostgreSQL and Valkey, and start them again when they are killed."""
    async with embedded_servers(home=home, durable=False) as pair, asyncio.TaskGroup() as tasks:
        keeper = tasks.create_task(pair.keep_running())
        try:
            yield pair
        finally:
            keeper.cancel()


async def chaos(seconds: float, *, every: float, rate: float, seed: int, progress: Progress) -> Report:
    """Run for `seconds`, killing something `every` so many, with `rate` acts a second."""
    report, dice = Report(seed=seed), random.Random(seed)
    home = await asyncio.to_thread(_make_home)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        pair = await stack.enter_async_context(servers(home))
        await upgrade(pair.database_url)
        sim, port = Simulator(), free_port()
        lounge = furnish(sim)
        outside = Outside(sim, free_port(), {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"})
        await outside.open()
        stack.push_async_callback(outside.close)
        platform = Platform(sim, pair.database_url, pair.redis_url, lounge.bot)
        instances = [
            await stack.enter_async_context(platform.process(free_port(), **outside.changes)) for _ in range(_INSTANCES)
        ]
        await stack.enter_async_context(balancer(port, *(each.port for each in instances)))
        await platform.webhook_is_set()
        crowd = Crowd(lounge, dice, report)
        await sim.settled(30)
        await crowd.protect()
        reaper = Reaper(home=home, platform=platform, instances=instances, outside=outside, dice=dice)
        judged = await _live(seconds, every, rate, crowd, reaper, report, progress)
        report.kills = dict(reaper.kills)
        await _recover(crowd, platform, report, judged)
    report.seconds = seconds
    return report


def _make_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="gmbot-chaos-"))
    home.chmod(0o711)
    return home


async def _live(
    seconds: float, every: float, rate: float, crowd: Crowd, reaper: Reaper, report: Report, progress: Progress
) -> int:
    bar = progress.add_task("chaos", total=seconds)
    began = time.monotonic()
    next_kill, judged = began + every, 0
    async with asyncio.TaskGroup() as tasks:
        while (now := time.monotonic()) - began < seconds:
            crowd.act()
            judged = _judge(crowd, report, judged)
            if now > next_kill:
                tasks.create_task(reaper.strike())
                next_kill = now + every
            progress.update(bar, completed=now - began, description=f"chaos, {sum(reaper.kills.values())} kills")
            await asyncio.sleep(1 / rate)
    return judged


def _judge(crowd: Crowd, report: Report, judged: int) -> int:
    calls = crowd.sim.calls
    for call in calls[judged:]:
        if call.is_running:
            return judged
        judged += 1
        if call.method == "restrictChatMember" and call.status == 200:
            permissions = call.params["permissions"]
            is_mute = isinstance(permissions, dict) and not any(permissions.values())
            report.mutes += is_mute
            report.lifts += not is_mute
            report.wrong_mutes += is_mute and crowd.judge(call)
        report.prompts += call.method == "sendMessage" and "to write here" in str(call.params.get("text"))
    return judged


async def _recover(crowd: Crowd, platform: Platform, report: Report, judged: int) -> None:
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
    report.recovered_in_seconds = round(time.monotonic() - began, 1)
    _judge(crowd, report, judged)
    report.stuck_muted = crowd.stuck()
    report.moderation_lost = crowd.moderation_lost()
    report.prompts_left = crowd.prompts()
    await _account(crowd, platform, report)


async def _account(crowd: Crowd, platform: Platform, report: Report) -> None:
    made = {int(str(update["update_id"])) for update in crowd.sim.updates(platform.bot)}
    answered = {each.update_id for each in crowd.sim.deliveries if each.status is not None and each.status < 300}
    report.updates, report.attempts = len(made), len(crowd.sim.deliveries)
    report.updates_lost = len(made - answered)
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
    print("FAILED: " + "; ".join(report.faults) if report.faults else "passed")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
