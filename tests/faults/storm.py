"""A storm of 429s: every third call to Telegram is answered with `retry_after` for a while: `make storm`.

Instances of their own share one budget in Redis while people join, write and press, and bulk work asks all the time.
Every call is judged by the simulator's record: what was started although a pause was known, how long presses waited,
whether joins and bulk work went on, and what was lost. Exit status 1 when any of this does not hold.
"""

import argparse
import asyncio
import itertools
import json
import random
import shutil
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from redis.asyncio import Redis
from rich.progress import Progress

from bot.core.clock import SystemClock
from bot.core.migrations import upgrade
from bot.core.telegram.client import TelegramClient
from bot.core.telegram.demand import Demand, Kind, Limits, Priority
from bot.core.telegram.opening import open_telegram
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership
from bot.simulator import Call, Fault, Message, Simulator, User
from bot.simulator.model import JsonObject
from tests.faults.chaos import make_home, servers
from tests.platform import Lounge, Platform, add_group, balancer, eventually, free_port, furnish

INSTANCES = 3
GRACE_SECONDS = 0.05
PRESS_SECONDS = 2.0
_NOT_OURS = frozenset({"getMe", "setWebhook", "getWebhookInfo", "deleteWebhook"})
_STRIKE_SECONDS = 30.0
_PRESSERS = 6
_BULK_TASKS = 4
_LIMITS = Limits(per_second=25, per_chat=20, bulk=5)


@dataclass(slots=True, eq=False, kw_only=True)
class EveryThird(Fault):
    """Strikes every third call of those the bot repeats by itself."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def matches(self, *, bot: int, method: str, chat: int | None, params: JsonObject) -> bool:
        """Say whether it is this call's turn; each pause has a length of its own."""
        del bot, chat, params
        self.retry_after = self.dice.choice((1, 1, 2))
        return method not in _NOT_OURS and next(self.numbers) % 3 == 0


@dataclass
class Report:
    """What happened, counted."""

    seconds: float = 0.0
    instances: int = INSTANCES
    calls: int = 0
    floods: int = 0
    started_in_pause: int = 0
    latest_start_ms: float = 0.0
    """After the answer with `retry_after`, of a request that was started in spite of it."""
    first_second_after_pause: int = 0
    """Most calls in the second after a pause of the whole bot."""
    presses: int = 0
    longest_press_seconds: float = 0.0
    longest_press_behind_others_seconds: float = 0.0
    """Without the time in which Telegram wanted no calls."""
    joins_done: int = 0
    longest_gap_of_joins_seconds: float = 0.0
    bulk_done: int = 0
    longest_gap_of_bulk_seconds: float = 0.0
    updates: int = 0
    updates_lost: int = 0
    dead_letters: int = 0
    wrong_mutes: int = 0
    stuck_muted: int = 0
    not_muted: int = 0
    mutes_doubled: int = 0
    cases_open: int = 0
    recovered_in_seconds: float = 0.0
    latest: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Name what must not be and is."""
        nought = (
            "started_in_pause",
            "updates_lost",
            "dead_letters",
            "wrong_mutes",
            "stuck_muted",
            "not_muted",
            "cases_open",
        )
        found = [f"{name}: {getattr(self, name)}" for name in nought if getattr(self, name)]
        if self.longest_press_behind_others_seconds > PRESS_SECONDS:
            found.append(f"a press waited {self.longest_press_behind_others_seconds:.2f} s behind others")
        found += [f"no {what}" for what in ("joins_done", "bulk_done", "presses", "floods") if not getattr(self, what)]
        return found


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which Telegram wants no calls: of one class in one chat, or of the whole bot."""

    call: Call
    starts: float
    ends: float
    whole_bot: bool

    def holds(self, call: Call) -> bool:
        """Whether the call is one of those."""
        kind, chat = scope_of(call)
        if self.whole_bot:
            return (kind == Kind.OTHER.value) == (scope_of(self.call)[0] == Kind.OTHER.value)
        return (kind, chat) == scope_of(self.call)


def scope_of(call: Call) -> tuple[str, object]:
    """Return the class of method and the chat that a pause is about."""
    return Demand(BotId(call.bot_id), call.method, None, Priority.PRESS).kind.value, call.params.get("chat_id")


def pauses_of(calls: Sequence[Call]) -> list[Pause]:
    """Return the pauses Telegram has named; a second one about a later call means the whole bot."""
    flooded = sorted((call for call in calls if call.retry_after), key=lambda call: call.at + call.seconds)
    pauses: list[Pause] = []
    struck, forgotten = 0.0, 0.0
    for call in flooded:
        now, retry_after = call.at + call.seconds, call.retry_after or 0
        repeated = now < forgotten and call.at > struck + GRACE_SECONDS
        if repeated or now >= forgotten:
            struck, forgotten = now, now + retry_after + _STRIKE_SECONDS
        pauses.append(Pause(call, now, now + retry_after, repeated))
    return pauses


def started_inside(calls: Sequence[Call], pauses: Sequence[Pause]) -> list[tuple[float, str]]:
    """Return the calls that arrived while Telegram wanted none of them, by how long after it had said so."""
    moments = [call.at for call in calls]
    return sorted(
        (later.at - pause.starts, f"{later.method} {1000 * (later.at - pause.starts):.0f} ms after {pause.call.method}")
        for pause in pauses
        for later in calls[bisect_right(moments, pause.starts) : bisect_right(moments, pause.ends - 0.01)]
        if pause.holds(later)
    )


def covered(starts: float, ends: float, pauses: Sequence[Pause]) -> float:
    """Return for how much of a stretch some pause was in force."""
    total, reached = 0.0, starts
    for pause in sorted(pauses, key=lambda pause: pause.starts):
        begin, end = max(pause.starts, reached), min(pause.ends, ends)
        if end > begin:
            total, reached = total + end - begin, end
    return total


class Crowd:
    """People who press, join and write while the storm lasts."""

    def __init__(self, lounge: Lounge, platform: Platform, dice: random.Random) -> None:
        self.lounge = lounge
        self.sim = lounge.sim
        self._platform = platform
        self._dice = dice
        self.quiet = add_group(lounge.sim, lounge.bot, lounge.owner, "Quiet")
        self.pressers = [self.sim.add_user(f"Presser{number}x") for number in range(_PRESSERS)]
        self.strangers: list[User] = []
        self.prompts: dict[int, Message] = {}

    async def prepare(self) -> None:
        """Protect both groups, and have the pressers gated, one after the other."""
        await self.lounge.protect(self.lounge.news)
        self.sim.say(self.lounge.owner, self.quiet, "/protect @gm_news")
        await self.sim.settled(20)
        for presser in self.pressers:
            self.sim.join(presser, self.quiet)
            await eventually(partial(self._prompted, presser), f"{presser.first_name} has a prompt", within=20)
        await self._platform.at_rest()

    def _prompted(self, presser: User) -> bool:
        found = self.lounge.prompts(presser, self.quiet)
        self.prompts.update({presser.id: found[-1]} if found else {})
        return bool(found)

    def act(self, number: int) -> None:
        """Do what falls due: a press each second, somebody who joins and writes each second, members who write."""
        self.sim.say(self.lounge.member, self.lounge.group, f"line {number}")
        if number % 5 == 0:
            presser = self.pressers[number // 5 % len(self.pressers)]
            self.sim.press(presser, self.quiet, self.prompts[presser.id], "v")
        if number % 5 == 2:
            stranger = self.sim.add_user(f"Stranger{number}x")
            self.strangers.append(stranger)
            self.sim.join(stranger, self.lounge.group)
            self.sim.say(stranger, self.lounge.group, "hello")

    async def all_muted(self) -> int:
        """Have every stranger who may write do so until nobody may; return how many still can."""
        for _ in range(20):
            free = [user for user in self.strangers if not self.lounge.muted(user)]
            if not free:
                return 0
            for user in free:
                self.sim.say(user, self.lounge.group, "hello again")
            await self.sim.settled(30)
            await asyncio.sleep(1)
        return sum(not self.lounge.muted(user) for user in self.strangers)

    async def all_free(self) -> int:
        """Have everybody join; return how many stay muted."""
        for user in (*self.strangers, *self.pressers):
            self.sim.join(user, self.lounge.news)

        def stuck() -> int:
            muted = [user for user in self.strangers if self.lounge.muted(user)]
            return len(muted) + sum(self.lounge.muted(user, self.quiet) for user in self.pressers)

        for _ in range(600):
            if not stuck():
                break
            await asyncio.sleep(0.1)
        return stuck()


@asynccontextmanager
async def bulk_work(platform: Platform, lounge: Lounge, done: list[float]) -> AsyncIterator[None]:
    """Ask about members in bulk, as fast as the shared budget allows, as one more instance; note each answer."""
    numbers = itertools.count(10_000_000)

    async def ask(client: TelegramClient) -> None:
        while True:
            answer = await client.membership(
                BotId(lounge.bot.id), ChannelId(lounge.insiders.id), UserId(next(numbers))
            )
            if answer is not Membership.UNKNOWN or lounge.sim.calls[-1].fault is None:
                done.append(time.monotonic())
            await asyncio.sleep(0.01)

    token = {BotId(lounge.bot.id): lounge.bot.token}
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(_client(platform.redis_url))
        telegram = await stack.enter_async_context(
            open_telegram(
                token, api_url=platform.sim.url, limits=_LIMITS, redis=redis, instances=lambda: 1, clock=SystemClock()
            )
        )
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        asking = [tasks.create_task(ask(telegram.for_bulk)) for _ in range(_BULK_TASKS)]
        try:
            yield
        finally:
            for task in asking:
                task.cancel()


@asynccontextmanager
async def _client(url: str) -> AsyncIterator["Redis"]:
    client = Redis.from_url(url)
    try:
        yield client
    finally:
        await client.aclose()


async def storm(seconds: float, *, platform: Platform, lounge: Lounge, seed: int, progress: Progress) -> Report:
    """Run instances as processes behind a balancer, let it storm for `seconds`, and judge what happened."""
    report, dice, port = Report(), random.Random(seed), free_port()
    changes = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"}
    async with AsyncExitStack() as stack:
        ports = [free_port() for _ in range(INSTANCES)]
        async with asyncio.TaskGroup() as tasks:
            for each in ports:
                tasks.create_task(stack.enter_async_context(platform.process(each, **changes)))
        await stack.enter_async_context(balancer(port, *ports, in_turn=True))
        await platform.webhook_is_set()
        await lounge.sim.settled(30)
        crowd = Crowd(lounge, platform, dice)
        await crowd.prepare()
        first_call, first_delivery = len(lounge.sim.calls), len(lounge.sim.deliveries)
        bulk: list[float] = []
        async with bulk_work(platform, lounge, bulk):
            began = time.monotonic()
            strike = lounge.sim.faults.add(EveryThird(kind="flood", times=None, dice=dice))
            await _live(seconds, crowd, progress)
            lounge.sim.faults.remove(strike)
            ended = time.monotonic()
        storm_calls = lounge.sim.calls[first_call:]
        await _recover(crowd, platform, report)
        calls = lounge.sim.calls[first_call:]
    _judge_calls(report, calls, storm_calls)
    _judge_presses(report, lounge.sim, first_delivery, pauses_of(calls))
    report.seconds, report.bulk_done = ended - began, len(bulk)
    report.longest_gap_of_bulk_seconds = _longest_gap([began, *bulk, ended])
    return report


async def _live(seconds: float, crowd: Crowd, progress: Progress) -> None:
    bar = progress.add_task("storm", total=seconds)
    began = time.monotonic()
    for number in itertools.count():
        if time.monotonic() - began > seconds:
            return
        crowd.act(number)
        progress.update(bar, completed=time.monotonic() - began)
        await asyncio.sleep(max(0.0, began + (number + 1) / 5 - time.monotonic()))


async def _recover(crowd: Crowd, platform: Platform, report: Report) -> None:
    """See that everything comes to its end, and what is left."""
    began = time.monotonic()
    await crowd.sim.settled(60)
    report.not_muted = await crowd.all_muted()
    report.wrong_mutes = int(crowd.lounge.muted(crowd.lounge.member))
    report.stuck_muted = await crowd.all_free()
    await crowd.sim.settled(60)
    await _patiently(platform)
    report.recovered_in_seconds = time.monotonic() - began
    done = await platform.fetch("SELECT state, count(*) AS number FROM updates_done GROUP BY state")
    states = {row["state"]: row["number"] for row in done}
    report.updates = len(crowd.sim.updates(crowd.lounge.bot))
    report.updates_lost = states.get("claimed", 0)
    report.dead_letters = states.get("dead", 0)
    report.cases_open = len(await platform.open_cases())


async def _patiently(platform: Platform) -> None:
    for _ in range(300):
        if not await platform.open_cases():
            return
        await asyncio.sleep(0.1)


def _judge_calls(report: Report, calls: Sequence[Call], storm_calls: Sequence[Call]) -> None:
    ours = [call for call in calls if call.method not in _NOT_OURS]
    pauses = pauses_of(ours)
    inside = started_inside(ours, pauses)
    report.calls, report.floods = len(ours), len(pauses)
    report.latest_start_ms = round(1000 * max((late for late, _ in inside), default=0.0), 1)
    report.started_in_pause = sum(late > GRACE_SECONDS for late, _ in inside)
    report.latest = [what for _, what in inside[-20:]]
    moments = [call.at for call in ours if scope_of(call)[0] != Kind.OTHER.value]
    ends = [pause.ends for pause in pauses if pause.whole_bot]
    report.first_second_after_pause = max(
        (bisect_right(moments, end + 1) - bisect_right(moments, end) for end in ends), default=0
    )
    mutes = [call for call in ours if call.method == "restrictChatMember" and call.status == 200 and _is_mute(call)]
    report.joins_done = sum(call in storm_calls for call in mutes)
    edges = [storm_calls[0].at, *(call.at for call in mutes if call.at < storm_calls[-1].at), storm_calls[-1].at]
    report.longest_gap_of_joins_seconds = _longest_gap(edges)
    report.mutes_doubled = sum(count - 1 for count in Counter(str(call.params["user_id"]) for call in mutes).values())


def _is_mute(call: Call) -> bool:
    permissions = call.params["permissions"]
    return isinstance(permissions, dict) and not any(permissions.values())


def _judge_presses(report: Report, sim: Simulator, first_delivery: int, pauses: Sequence[Pause]) -> None:
    presses = [each for each in sim.deliveries[first_delivery:] if each.kind == "callback_query"]
    stretches = [(each.started, each.finished) for each in presses if each.finished is not None]
    report.presses = len(presses)
    report.longest_press_seconds = round(max((end - start for start, end in stretches), default=0.0), 2)
    whole = [pause for pause in pauses if pause.whole_bot]
    report.longest_press_behind_others_seconds = round(
        max((end - start - covered(start, end, whole) for start, end in stretches), default=0.0), 2
    )


def _longest_gap(moments: Sequence[float]) -> float:
    return round(max((later - earlier for earlier, later in itertools.pairwise(moments)), default=0.0), 1)


async def alone(seconds: float, *, seed: int, progress: Progress) -> Report:
    """Run with servers of its own."""
    async with AsyncExitStack() as stack:
        home = await asyncio.to_thread(make_home)
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        pair = await stack.enter_async_context(servers(home))
        await upgrade(pair.database_url)
        sim = Simulator()
        await stack.enter_async_context(sim.serving())
        lounge = furnish(sim)
        platform = Platform(sim, pair.database_url, pair.redis_url, lounge.bot)
        return await storm(seconds, platform=platform, lounge=lounge, seed=seed, progress=progress)


def main() -> None:
    """Run as `make storm` does, say what happened, and end with 1 when it must not have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long Telegram floods (default 60)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the report there")
    options = parser.parse_args()
    with Progress() as progress:
        report = asyncio.run(alone(options.seconds, seed=options.seed, progress=progress))
    text = json.dumps(asdict(report), indent=2)
    if options.json is not None:
        options.json.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{text}\n")
    for fault in report.faults:
        sys.stdout.write(f"FAILED {fault}\n")
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
