"""The budgets in Redis, as several instances use them together and as each does alone while Redis is away."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from bot.core.redis.connection import open_redis
from bot.core.telegram.budget import SharedBudget
from bot.core.telegram.demand import Demand, Limits, Priority
from bot.core.telegram.own_budget import Grant, OwnBudget
from bot.domain.ids import BotId
from tests.kits.platform import balancer
from tests.kits.ports import free_port

pytestmark = pytest.mark.servers

LIMITS = Limits(per_second=25, per_chat=20, bulk=5)
BOT, OTHER_BOT = BotId(1), BotId(2)
GROUP = -100

# What the script runs is counted by the server, too; these it does not run.
SENT_BY_CLIENTS = {"evalsha", "eval", "script|load", "info", "ping", "publish"}


@asynccontextmanager
async def sharing(redis_url: str, *, live: int = 1) -> AsyncIterator[SharedBudget]:
    """Give one instance's view of the budgets, over connections of its own."""
    async with open_redis(redis_url) as redis:
        own = OwnBudget(limits=LIMITS, monotonic=time.monotonic)
        yield SharedBudget(redis=redis, limits=LIMITS, own=own, instances=lambda: live, monotonic=time.monotonic)


@pytest.fixture
async def budget(redis_url: str) -> AsyncIterator[SharedBudget]:
    async with sharing(redis_url) as one:
        yield one


@pytest.fixture
async def pair(redis_url: str) -> AsyncIterator[Sequence[SharedBudget]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(sharing(redis_url, live=2)) for _ in range(2)]


def send(chat: int, priority: Priority = Priority.PRESS, *, bot: BotId = BOT) -> Demand:
    return Demand(bot, "sendMessage", chat, priority)


def ask_about(chat: int, priority: Priority = Priority.PRESS, *, bot: BotId = BOT) -> Demand:
    return Demand(bot, "getChatMember", chat, priority)


async def take(budget: SharedBudget, count: int, priority: Priority = Priority.PRESS) -> list[Grant]:
    """Send to that many different users at once."""
    return [await budget.ask(send(user, priority)) for user in range(1, count + 1)]


def granted(grants: Sequence[Grant]) -> int:
    return sum(grant.wait == 0 for grant in grants)


def most_within(moments: Sequence[int], milliseconds: int) -> int:
    """Return the largest number of moments in any stretch of that length."""
    return max(sum(start <= moment < start + milliseconds for moment in moments) for start in moments)


async def commands(redis: "Redis") -> dict[str, int]:
    """Return how often the server has run each command."""
    stats = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): figures["calls"] for name, figures in stats.items()}


def stand_still(seconds: float) -> None:
    """Keep the whole process from doing anything, as a machine that swaps or is moved does."""
    threading.Event().wait(seconds)


async def test_no_second_sees_more_sends_than_allowed(pair: Sequence[SharedBudget]) -> None:
    """Two instances send as fast as they may: 25 in any second, together, and no less than that over time."""
    # A machine that stands still for half a second sends less; not time and again.
    for _ in range(5):
        moments = await pressed_on(pair)
        assert most_within(moments, 1000) <= 25
        if len(moments) >= 50:
            return
    pytest.fail("places are left free")


async def pressed_on(pair: Sequence[SharedBudget]) -> list[int]:
    """Send as fast as it goes for two seconds and a half; return when each call was allowed."""
    moments: list[int] = []
    ends = time.monotonic() + 2.5

    async def press_on(budget: SharedBudget, first_user: int) -> None:
        user = first_user
        while time.monotonic() < ends:
            user += 1
            grant = await budget.ask(send(user))
            if grant.wait:
                await asyncio.sleep(min(grant.wait, 0.05))
            else:
                moments.append(grant.at // 1000)

    await asyncio.gather(*(press_on(budget, 1000 * n) for n, budget in enumerate((*pair, *pair))))
    return moments


async def test_no_minute_sees_more_messages_in_a_group_than_allowed(pair: Sequence[SharedBudget]) -> None:
    """Twenty messages go to a group, from whichever instance; the next is told when there is a place again."""
    grants = [await pair[number % 2].ask(send(GROUP)) for number in range(25)]

    assert [grant.wait == 0 for grant in grants] == [True] * 20 + [False] * 5
    assert 59 < grants[20].wait <= 61


async def test_a_refused_call_takes_no_place_anywhere(budget: SharedBudget) -> None:
    """What a full group refuses is not counted against the bot."""
    for _ in range(45):
        await budget.ask(send(GROUP))

    assert granted(await take(budget, 10)) == 5


async def test_a_user_gets_a_short_burst(budget: SharedBudget) -> None:
    """Three messages to one user at once, then one each second."""
    grants = [await budget.ask(send(7)) for _ in range(4)]

    assert granted(grants) == 3
    assert 2 < grants[3].wait < 3.3


async def test_bots_do_not_share_budgets(budget: SharedBudget) -> None:
    """One bot's use and pauses are nothing to another."""
    await take(budget, 30)
    grant = await budget.ask(send(GROUP))
    await budget.flooded(send(GROUP), 5, grant, time.monotonic())

    assert (await budget.ask(send(GROUP, bot=OTHER_BOT))).wait == 0


async def test_questions_answers_and_member_changes_are_no_sends(budget: SharedBudget) -> None:
    """A bot that may send nothing more still asks, answers presses, mutes, lifts and deletes."""
    await take(budget, 30)
    methods = ("getChatMember", "answerCallbackQuery", "restrictChatMember", "deleteMessage")
    grants = [await budget.ask(Demand(BOT, method, GROUP, Priority.JOIN)) for method in methods for _ in range(50)]

    assert granted(grants) == len(grants)


async def test_the_less_urgent_leaves_room_for_the_more_urgent(budget: SharedBudget) -> None:
    """Joins use four fifths of a second's places at most, so that presses always find some."""
    joins = await take(budget, 25, Priority.JOIN)
    presses = [await budget.ask(send(100 + user)) for user in range(10)]

    assert granted(joins) == 20
    assert granted(presses) == 5


async def test_bulk_work_starts_below_half_use_only(budget: SharedBudget) -> None:
    """With half of the places in use bulk work waits, though it has not used its own."""
    before = granted(await take(budget, 1, Priority.BULK))
    await take(budget, 12)
    after = await budget.ask(send(50, Priority.BULK))

    assert before == 1
    assert 0 < after.wait <= 1.05


async def test_bulk_work_has_a_rate_of_its_own(budget: SharedBudget) -> None:
    """Five calls a second, questions too."""
    grants = [await budget.ask(ask_about(chat, Priority.BULK)) for chat in range(8)]

    assert granted(grants) == 5


async def test_bulk_work_is_not_put_off_for_ever(budget: SharedBudget, redis_url: str) -> None:
    """After five seconds of giving way it may use any place that is free."""
    await take(budget, 15)
    refused = await budget.ask(send(50, Priority.BULK))
    async with Redis.from_url(redis_url) as redis:
        key = "gmbot:budget:{1}:hunger:bulk"
        await redis.set(key, int(await redis.get(key) or 0) - 6000)
    hungry = await budget.ask(send(51, Priority.BULK))
    again = await budget.ask(send(52, Priority.BULK))

    assert refused.wait > 0
    assert hungry.wait == 0
    assert again.wait > 0


async def test_who_is_refused_gets_a_time_of_their_own(budget: SharedBudget) -> None:
    """A hundred that are put off do not come back all at once."""
    waits = [(await budget.ask(send(GROUP, Priority.JOIN))).wait for _ in range(116)][16:]

    assert all(later - earlier > 2 for earlier, later in itertools.pairwise(waits) if later < 299)
    assert max(waits) <= 300


async def test_a_wave_of_joins_leaves_commands_their_answers(budget: SharedBudget) -> None:
    """In a group, too, a fifth of the places is kept for presses and commands."""
    for _ in range(30):
        await budget.ask(send(GROUP, Priority.JOIN))

    assert granted([await budget.ask(send(GROUP)) for _ in range(6)]) == 4


async def test_a_call_costs_one_round_trip(budget: SharedBudget, redis_url: str) -> None:
    """One script for all budgets and pauses that concern a call, and nothing beside it."""
    await budget.ask(send(GROUP))
    async with Redis.from_url(redis_url) as redis:
        before = await commands(redis)
        for _ in range(5):
            await budget.ask(send(GROUP))
        after = await commands(redis)

    sent = {name: count - before.get(name, 0) for name, count in after.items() if name in SENT_BY_CLIENTS}
    assert {name: count for name, count in sent.items() if count} == {"evalsha": 5, "info": 1}


async def test_nothing_stays_in_redis(budget: SharedBudget, redis_url: str) -> None:
    """Every key ends by itself: at the latest when its pause is forgotten."""
    for priority in Priority:
        for _ in range(30):
            await budget.ask(send(GROUP, priority))
    await budget.flooded(send(GROUP), 1, await budget.ask(send(GROUP)), time.monotonic())
    async with Redis.from_url(redis_url) as redis:
        lives = [await redis.ttl(key) for key in await redis.keys("gmbot:budget:*")]

    assert len(lives) > 5
    assert all(0 <= life <= 361 for life in lives)


async def test_a_clock_that_is_set_back_blocks_nothing(budget: SharedBudget, redis_url: str) -> None:
    """Calls that seem to lie in the future are from before the step."""
    for _ in range(20):
        await budget.ask(send(GROUP))
    async with Redis.from_url(redis_url) as redis:
        name = f"gmbot:budget:{{1}}:chat:{GROUP}"
        moments = [int(moment) + 3_600_000 for moment in await redis.lrange(name, 0, -1)]
        await redis.delete(name)
        await redis.rpush(name, *moments)

    assert (await budget.ask(send(GROUP))).wait == 0


async def test_a_pause_is_everybodys_at_once(pair: Sequence[SharedBudget]) -> None:
    """What Telegram tells one instance, the other obeys with its next call; elsewhere calls go on."""
    told, other = pair
    grant = await told.ask(ask_about(GROUP))
    await told.flooded(ask_about(GROUP), 3, grant, time.monotonic())
    here = await other.ask(ask_about(GROUP))
    elsewhere = [
        await other.ask(demand) for demand in (ask_about(-200), Demand(BOT, "deleteMessage", GROUP, Priority.PRESS))
    ]

    assert 2 < here.wait <= 3
    assert here.paused
    assert granted(elsewhere) == 2


async def test_a_repeated_pause_holds_the_whole_bot(pair: Sequence[SharedBudget]) -> None:
    """A second 429, about a call that was started after the first, means more than one chat."""
    one, two = pair
    first = await one.ask(ask_about(GROUP))
    await one.flooded(ask_about(GROUP), 2, first, time.monotonic())
    second = await two.ask(ask_about(-200))
    await two.flooded(ask_about(-200), 3, second, time.monotonic())

    for budget in pair:
        assert 2 < (await budget.ask(send(-300))).wait <= 3


async def test_calls_under_way_together_are_one_strike(pair: Sequence[SharedBudget]) -> None:
    """Ten calls that had all started before the first 429 say nothing more than the first."""
    one, two = pair
    started = time.monotonic()
    grants = [(budget, chat, await budget.ask(ask_about(chat))) for budget in pair for chat in range(-5, 0)]
    for budget, chat, grant in grants:
        await budget.flooded(ask_about(chat), 2, grant, started)

    assert (await one.ask(ask_about(-50))).wait == 0
    assert (await two.ask(ask_about(-50))).wait == 0


async def test_a_longer_pause_is_not_shortened(pair: Sequence[SharedBudget]) -> None:
    """A later 429 that names less leaves what was named before."""
    one, two = pair
    started = time.monotonic()
    grant = await one.ask(ask_about(GROUP))
    await one.flooded(ask_about(GROUP), 9, grant, started)
    await one.flooded(ask_about(GROUP), 1, grant, started)

    assert (await two.ask(ask_about(GROUP))).wait > 8


async def test_after_a_pause_calls_start_slowly(pair: Sequence[SharedBudget]) -> None:
    """Four in the first second after it, eight in the next: not all that waited at once."""
    grant = await pair[0].ask(ask_about(GROUP))
    await pair[0].flooded(ask_about(GROUP), 0.2, grant, time.monotonic())
    await asyncio.sleep(0.25)
    first = [await pair[number % 2].ask(ask_about(GROUP)) for number in range(20)]
    await asyncio.sleep(1.05)
    second = [await pair[number % 2].ask(ask_about(GROUP)) for number in range(20)]

    assert granted(first) == 4
    assert granted(second) == 8


async def test_presses_go_first_after_a_pause(budget: SharedBudget) -> None:
    """Bulk work, which waited longest, leaves them the few places there are."""
    grant = await budget.ask(ask_about(GROUP))
    await budget.flooded(ask_about(GROUP), 0.1, grant, time.monotonic())
    await asyncio.sleep(0.15)
    bulk = [await budget.ask(ask_about(GROUP, Priority.BULK)) for _ in range(4)]
    presses = [await budget.ask(ask_about(GROUP)) for _ in range(4)]

    assert (granted(bulk), granted(presses)) == (0, 4)


@pytest.mark.parametrize("starved", [Priority.JOIN, Priority.BULK])
async def test_presses_starve_nobody_for_ever(budget: SharedBudget, redis_url: str, starved: Priority) -> None:
    """Presses take every place of a slow start; for who has given way for five seconds they leave one."""
    grant = await budget.ask(ask_about(GROUP))
    await budget.flooded(ask_about(GROUP), 0.1, grant, time.monotonic())
    await asyncio.sleep(0.15)
    first = [await budget.ask(ask_about(GROUP)) for _ in range(5)]
    refused = await budget.ask(ask_about(GROUP, starved))
    async with Redis.from_url(redis_url) as redis:
        key = f"gmbot:budget:{{1}}:hunger:{starved.value}"
        await redis.set(key, int(await redis.get(key) or 0) - 6000)
        await redis.delete(*await redis.keys("gmbot:budget:*:start*"))
    presses = [await budget.ask(ask_about(GROUP)) for _ in range(5)]
    hungry = await budget.ask(ask_about(GROUP, starved))

    assert granted(first) == 4
    assert refused.wait > 0
    assert granted(presses) == 3
    assert hungry.wait == 0


async def test_a_permission_that_was_long_on_its_way_is_looked_at_again(redis_url: str) -> None:
    """Between the script's yes and its arrival another instance was told of a pause: nothing starts inside it."""
    readings: list[float] = []

    def slow() -> float:
        # The fifth reading is the first after the script's answer: 40 ms late, and a pause is known by then.
        readings.append(40.0 * len(readings))
        if len(readings) == 5:
            told.set("gmbot:budget:{1}:pause:read:-100", "0", px=9000)
        return readings[-1] / 1000

    with BlockingRedis.from_url(redis_url) as told:
        async with open_redis(redis_url) as client:
            own = OwnBudget(limits=LIMITS, monotonic=lambda: 0.0)
            budget = SharedBudget(redis=client, limits=LIMITS, own=own, instances=lambda: 2, monotonic=slow)
            grant = await budget.ask(ask_about(GROUP))

    assert 2.5 < grant.wait <= 3
    assert grant.paused


async def test_without_redis_each_instance_takes_its_part() -> None:
    """Two live instances, no Redis: 12 sends a second each, 10 messages to one group, pauses kept."""
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with sharing(nowhere, live=2) as budget:
        sends = granted(await take(budget, 30))
        here = granted([await budget.ask(send(GROUP, bot=OTHER_BOT)) for _ in range(15)])
        grant = await budget.ask(ask_about(GROUP))
        await budget.flooded(ask_about(GROUP), 3, grant, time.monotonic())
        paused = await budget.ask(ask_about(GROUP))

    assert not budget.shared
    assert (sends, here) == (12, 10)
    assert 2 < paused.wait <= 3


async def test_a_redis_that_hangs_costs_a_call_a_quarter_of_a_second() -> None:
    """It is given up soon, and not asked again with every call."""

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    released = asyncio.Event()
    server = await asyncio.start_server(hang, "127.0.0.1", port := free_port())
    async with server, sharing(f"redis://127.0.0.1:{port}/0") as budget:
        started = time.monotonic()
        grants = [await budget.ask(ask_about(chat)) for chat in range(-20, 0)]
        took = time.monotonic() - started
        released.set()

    assert granted(grants) == 20
    # Twenty that were given up one after the other would take five seconds.
    assert took < 3


@pytest.mark.parametrize("seconds", [0.4, 1.5])
async def test_an_instance_that_stood_still_does_not_take_redis_for_away(redis_url: str, seconds: float) -> None:
    """Redis answered in time, and nobody was there to hear it: budgets stay common, and so does what Telegram said."""
    async with sharing(redis_url) as budget, sharing(redis_url) as other:
        grant = await budget.ask(send(GROUP))
        with BlockingRedis.from_url(redis_url) as server:
            server.execute_command("CLIENT", "PAUSE", "100")
            asking = asyncio.create_task(budget.ask(send(GROUP)))
            telling = asyncio.create_task(budget.flooded(ask_about(GROUP), 9, grant, time.monotonic()))
            await asyncio.sleep(0.02)
        stand_still(seconds)
        late = await asking
        await telling

        assert budget.shared
        assert late.wait == 0
        assert late.at > 0
        assert 8 < (await other.ask(ask_about(GROUP))).wait <= 9


async def test_a_redis_that_comes_back_is_shared_again(redis_url: str) -> None:
    """What was sent meanwhile still counts, though Redis does not know of it."""
    port = free_port()
    server = urlsplit(redis_url)
    through_proxy = server._replace(netloc=f":{server.password}@127.0.0.1:{port}").geturl()
    async with sharing(through_proxy) as budget:
        for _ in range(20):
            await budget.ask(send(GROUP))
        was_away = not budget.shared
        await asyncio.sleep(1.1)
        async with balancer(port, server.port or 0):
            full = await budget.ask(send(GROUP))
            other = await budget.ask(send(-200))

    assert was_away
    assert budget.shared
    assert full.wait > 50
    assert other.wait == 0
    assert other.at > 0
