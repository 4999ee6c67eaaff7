"""Instances that come and go, many bots at once, and how soon all go by a change: the parts about several instances."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from statistics import median

from bot.simulator import Simulator
from tests.faults.coherence import Clocks, Memories
from tests.faults.hosting import FORMER, life_of_a_bot
from tests.faults.load import Pace
from tests.faults.multitude import live_side_by_side, settle, speak_everywhere
from tests.faults.scaling import fleet, small_town, under_load
from tests.faults.stage import home, servers
from tests.ha.checks import Check, Part, Say, least, most, none
from tests.kits.platform import Platform, furnish
from tests.kits.ports import free_port

_RATE = 200.0
_POOL = 10
# An odd number, so that the last one protects. Their answers are not waited for: so many a minute a group's budget
# does not hold.
_CHANGES = 21
_TURNS = 10
_HOSTED = 5
_FOLLOWED_SECONDS = 2.0
# A former secret counts for 5 s after Telegram was told the new one.
_OVERLAP_SECONDS = 5.0 + 2 * _FOLLOWED_SECONDS
_CROWDS = (5, 20, 100)
_CONNECTIONS = 1000
_GROUPS_OF_A_BOT = 50


async def come_and_go(say: Say) -> Sequence[Check]:
    """Kill, drain, add and hang instances, twice, under load."""
    pace = Pace(seconds=75, rate=_RATE, strangers=0.01)
    town = small_town(pace)
    async with fleet(town.sim, 3, town.bot, DB_POOL_SIZE=str(_POOL)) as found:
        await town.protect(found.platform)
        acts = (found.killed, found.drained, found.joined, found.hung, found.killed, found.drained)
        outcome = await under_load(found, town, pace, acts, seed=11, say=say)
        instances = len(found.instances)
    counts = outcome.counts
    return [
        least("updates", counts["updates"], pace.seconds * _RATE * 0.8),
        none("updates lost", outcome.lost),
        Check(
            what="effects missing, or on the wrong one",
            found="; ".join(outcome.faults) or "none",
            wanted="none",
            holds=not outcome.faults,
        ),
        most("effects done twice, by the instance that hung", outcome.doubled, 3),
        most("deliveries again of one update", outcome.most_failures, 3),
        most("failed deliveries", 100 * sum(counts["failed_attempts"].values()) / counts["updates"], 1, " %"),
        most("connections to PostgreSQL", outcome.most_connections, instances * (_POOL + 1)),
    ]


async def many_bots(say: Say) -> Sequence[Check]:
    """Have 5, 20 and 100 bots work at once, a tenth of them broken, and one message in each of a thousand groups."""
    checks: list[Check] = []
    for bots in _CROWDS:
        sim = Simulator()
        tenants = settle(sim, bots, groups=_CONNECTIONS // bots if bots < max(_CROWDS) else 1)
        async with fleet(sim, 3, *(each.bot for each in tenants)) as found:
            outcome = await live_side_by_side(found, tenants, patience=120, say=say)
            crowd = f"{bots} bots, {outcome.broken} broken"
            checks += [
                none(f"{crowd}: members muted", outcome.members_muted),
                none(f"{crowd}: strangers of the others not muted", outcome.strangers_not_muted),
                none(f"{crowd}: strangers of the others not freed", outcome.strangers_not_freed),
                none(f"{crowd}: calls about what is another's", outcome.foreign_calls),
            ]
            if bots * _GROUPS_OF_A_BOT == _CONNECTIONS:
                sim.faults.clear()
                opened = await speak_everywhere(found, tenants)
                # The bot whose token is refused is not served any more.
                checks.append(least(f"{bots} bots: connections at once", opened, 0.9 * _CONNECTIONS))
    return checks


async def configuration(say: Say) -> Sequence[Check]:
    """Change the configuration and the bots again and again; two instances hear each other, one hears nobody."""
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        pair = await stack.enter_async_context(servers(where))
        sim = Simulator()
        lounge = furnish(sim)
        await stack.enter_async_context(sim.serving())
        platform, port = Platform(sim, pair.database_url, pair.redis_url, lounge.bot), free_port()
        changes = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "error"}
        one = await stack.enter_async_context(platform.process(port, **changes))
        two = await stack.enter_async_context(platform.process(free_port(), **changes))
        nowhere = f"redis://127.0.0.1:{free_port()}/0"
        deaf = await stack.enter_async_context(platform.process(free_port(), **changes, REDIS_URL=nowhere))
        await platform.webhook_is_set()
        say(f"{_CHANGES} changes")
        urls = [each.url for each in (one, two, deaf)]
        found = await Clocks(platform, urls).delays(lounge, _CHANGES)
        say(f"{_HOSTED} bots come, change and go")
        lives = [await life_of_a_bot(platform, urls, f"guest_{number}_bot") for number in range(_HOSTED)]
        say(f"{2 * _TURNS} changes of a membership")
        told = await Memories(lounge, [one.url, two.url]).turns(_TURNS)
    heard = [round(max(pair), 3) for pair in zip(*found[:2], strict=True)]
    return [
        most("a change on every instance, median", median(heard), 0.1, " s"),
        most("a membership on every instance, median", round(median(told), 3), 0.1, " s"),
        most("without the message, slowest", round(max(found[2]), 3), 1.0, " s"),
        *(_followed(change, [life[change] for life in lives]) for change in lives[0]),
    ]


def _followed(change: str, took: Sequence[float]) -> Check:
    ceiling = _OVERLAP_SECONDS if change == FORMER else _FOLLOWED_SECONDS
    what = f"a bot {change}, on every instance and without the message, slowest of {len(took)}"
    return most(what, round(max(took), 3), ceiling, " s")


SCALING: Sequence[Part] = (
    Part(name="scaling", title="instances come and go under load", seconds=400, run=come_and_go),
    Part(name="bots", title="5, 20 and 100 bots at once", seconds=500, run=many_bots),
    Part(
        name="configuration",
        title="a change reaches every instance",
        seconds=240,
        run=configuration,
    ),
)
