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
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path

from redis.asyncio import Redis
from rich.progress import Progress

from bot.core.clock import SystemClock
from bot.core.telegram.client import TelegramClient
from bot.core.telegram.demand import Kind, Limits
from bot.core.telegram.opening import open_telegram
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.secret import Secret
from bot.simulator import Call, Message, NotAllowed, Simulator, User
from tests.faults.pauses import GRACE_SECONDS, NOT_OURS, EveryThird, Pause, covered, pauses_of, scope_of, started_inside
from tests.faults.stage import Note, home, servers
from tests.kits.leash import with_own_files
from tests.kits.platform import Lounge, Platform, add_group, balancer, eventually, furnish, has_heard
from tests.kits.ports import free_port

INSTANCES = 3
PRESS_SECONDS = 2.0
# As many as get a prompt of their own in a minute.
_PRESSERS = 5
_BULK_TASKS = 4
_LIMITS = Limits(per_second=25, per_chat=20, bulk=5)


@dataclass
class Report:
    """What happened, counted."""

    note: Note = field(default_factory=Note)
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
    joins_asked: int = 0
    """Calls about people who came in and wrote, answered while it stormed."""
    longest_gap_of_joins_seconds: float = 0.0
    joins_muted: int = 0
    """A mute takes four answers, of which a pause costs the last two at most."""
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
    grace_seconds: float = GRACE_SECONDS
    """How long after the answer that names a pause a request may still come."""
    press_seconds: float = PRESS_SECONDS
    """How long a press may wait behind others."""

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
        if self.longest_press_behind_others_seconds > self.press_seconds:
            found.append(f"a press waited {self.longest_press_behind_others_seconds:.2f} s behind others")
        progress = ("joins_asked", "bulk_done", "presses", "floods")
        return found + [f"no {what}" for what in progress if not getattr(self, what)]


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

    async def prepare(self, urls: Sequence[str]) -> None:
        """Protect both groups, and have the pressers gated, one after the other, by whichever instance hears of it."""
        await self.lounge.protect(self.lounge.news)
        self.sim.say(self.lounge.owner, self.quiet, "/protect @gm_news")
        for url in urls:
            await eventually(partial(has_heard, url, groups=2), "each instance knows of both groups")
        for presser in self.pressers:
            self.sim.join(presser, self.quiet)
            await eventually(partial(self._prompted, presser), f"{presser.first_name} has a prompt", within=60)
        await self._platform.at_rest()

    def _prompted(self, presser: User) -> bool:
        found = self.lounge.prompts(presser, self.quiet)
        self.prompts.update({presser.id: found[-1]} if found else {})
        return bool(found)

    def act(self, number: int) -> None:
        """Do what falls due: members write, strangers come in and write, people press and join the channel."""
        self.sim.say(self.lounge.member, self.lounge.group, f"line {number}")
        if number % 10 == 0:
            presser = self.pressers[number // 10 % len(self.pressers)]
            with suppress(NotAllowed):
                self.sim.press(presser, self.quiet, self.prompts[presser.id], "v")
        if number % 40 == 20 and number // 40 < len(self.pressers):
            self.sim.join(self.pressers[number // 40], self.lounge.news)
        if number % 10 == 5:
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
            with suppress(NotAllowed):
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
async def bulk_work(platform: Platform, lounge: Lounge) -> AsyncIterator[None]:
    """Ask about members in bulk, as fast as the shared budget allows, as one more instance."""
    numbers = itertools.count(10_000_000)
    bot, channel = BotId(lounge.bot.id), ChannelId(lounge.insiders.id)

    async def ask(client: TelegramClient) -> None:
        while True:
            await client.membership(bot, channel, UserId(next(numbers)))
            await asyncio.sleep(0.01)

    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(_client(platform.redis_url))
        telegram = await stack.enter_async_context(
            open_telegram(
                api_url=platform.sim.url,
                limits=_LIMITS,
                redis=redis,
                instances=lambda: 1,
                clock=SystemClock(),
                token_refused=lambda _: None,
            )
        )
        telegram.bots.put(bot, Secret(lounge.bot.token), resting=False)
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


async def storm(
    seconds: float,
    *,
    platform: Platform,
    lounge: Lounge,
    seed: int,
    progress: Progress,
    report: Report | None = None,
) -> Report:
    """Run instances as processes behind a balancer, let it storm for `seconds`, and judge what happened."""
    report, dice, port = report or Report(), random.Random(seed), free_port()
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
        await crowd.prepare([f"http://127.0.0.1:{each}" for each in ports])
        first_call, first_delivery = len(lounge.sim.calls), len(lounge.sim.deliveries)
        async with bulk_work(platform, lounge):
            began = time.monotonic()
            strike = lounge.sim.faults.add(EveryThird(kind="flood", times=None, dice=dice))
            await _live(seconds, crowd, progress)
            lounge.sim.faults.remove(strike)
            report.seconds = round(time.monotonic() - began, 1)
        storm_calls = lounge.sim.calls[first_call:]
        await _recover(crowd, platform, report)
        calls = lounge.sim.calls[first_call:]
    _judge_calls(report, calls)
    strangers = {str(user.id) for user in crowd.strangers}
    _judge_progress(report, storm_calls, strangers=strangers, bulk_chat=lounge.insiders.id)
    _judge_presses(report, lounge.sim, first_delivery, pauses_of(calls))
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


def _judge_calls(report: Report, calls: Sequence[Call]) -> None:
    ours = [call for call in calls if call.method not in NOT_OURS]
    pauses = pauses_of(ours)
    inside = started_inside(ours, pauses)
    report.calls, report.floods = len(ours), len(pauses)
    report.latest_start_ms = round(1000 * max((late for late, _ in inside), default=0.0), 1)
    report.started_in_pause = sum(late > report.grace_seconds for late, _ in inside)
    report.latest = [what for _, what in inside[-20:]]
    moments = [call.at for call in ours if scope_of(call)[0] != Kind.OTHER.value]
    ends = [pause.ends for pause in pauses if pause.whole_bot]
    report.first_second_after_pause = max(
        (bisect_right(moments, end + 1) - bisect_right(moments, end) for end in ends), default=0
    )
    mutes = Counter(str(call.params["user_id"]) for call in ours if _is_mute(call))
    report.mutes_doubled = sum(count - 1 for count in mutes.values())


def _judge_progress(report: Report, calls: Sequence[Call], *, strangers: set[str], bulk_chat: int) -> None:
    edges, answered = (calls[0].at, calls[-1].at), [call for call in calls if not call.retry_after]
    joins = [call.at for call in answered if str(call.params.get("user_id")) in strangers]
    bulk = [call.at for call in answered if call.params.get("chat_id") == bulk_chat]
    report.joins_asked, report.bulk_done = len(joins), len(bulk)
    report.joins_muted = sum(_is_mute(call) for call in answered)
    report.longest_gap_of_joins_seconds = _longest_gap([edges[0], *joins, edges[1]])
    report.longest_gap_of_bulk_seconds = _longest_gap([edges[0], *bulk, edges[1]])


def _is_mute(call: Call) -> bool:
    permissions = call.params.get("permissions") if call.status == HTTPStatus.OK else None
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
        pair = await stack.enter_async_context(servers(await stack.enter_async_context(home())))
        sim = Simulator()
        await stack.enter_async_context(sim.serving())
        lounge = furnish(sim)
        platform = Platform(sim, pair.database_url, pair.redis_url, lounge.bot)
        return await storm(seconds, platform=platform, lounge=lounge, seed=seed, progress=progress)


def main() -> int:
    """Run as `make storm` does, say what happened, and return 1 when it must not have."""
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
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(with_own_files(main))
