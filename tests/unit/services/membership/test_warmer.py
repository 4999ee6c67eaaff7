"""Members are verified in advance: whom, at what cost, and what an interruption or an outage leaves behind."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from telegram import Bot
from telegram.ext import CallbackContext, ContextTypes

from bot.domain.errors import StoreUnavailableError, TelegramUnavailableError
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.membership import Membership, Require
from bot.domain.warming import WarmupStats
from bot.handlers import build_dispatcher
from bot.handlers.dispatcher import AnyApplication
from bot.services.batch_verification import WARMER, warm_cache_for_all_groups, warm_cache_for_group
from bot.services.membership.warmer import BATCH, Warmer
from tests.fakes.ports import FakeCache
from tests.fakes.warming import FakeBookmarks, FakeRecent
from tests.kits.use_cases import use_cases
from tests.kits.world import BOT, GROUP, INSIDERS, LOUNGE, MEMBER, NEWS, STRANGER, World

CAFE = GroupId(-1005)
CROWD = [UserId(user) for user in range(1000, 1250)]


@dataclass(frozen=True, slots=True)
class Application:
    """The part of an application that is looked at."""

    bot_data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Context:
    """The part of a handler's context that is looked at."""

    application: Application


class Kitchen:
    """A warmer and what it works with."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.recent = FakeRecent()
        self.bookmarks = FakeBookmarks()
        self.warmer = Warmer(
            bot=BOT,
            directory=world.directory,
            recent=self.recent,
            bookmarks=self.bookmarks,
            cache=world.cache,
            telegram=world.telegram,
            journal=world.journal,
            clock=world.clock,
        )
        self.context = Context(Application({WARMER: self.warmer}))

    @property
    def calls(self) -> list[tuple[object, ...]]:
        """What Telegram was asked."""
        return self.world.telegram.called("membership")

    def see(self, *users: UserId, group: GroupId = GROUP, days_ago: float = 0.0) -> None:
        """Have users seen in a group."""
        for user in users:
            self.recent.seen[BOT, group, user] = self.world.clock.now() - timedelta(days=days_ago)

    def enrol(self, *users: UserId, channels: tuple[ChannelId, ...] = (NEWS, INSIDERS)) -> None:
        """Make users members of channels."""
        for channel in channels:
            self.world.telegram.in_channel[channel] |= set(users)

    async def open_cafe(self) -> None:
        """Protect another group by one of the channels."""
        await self.world.configure(replace(LOUNGE, group_id=CAFE, title="Cafe", channels=LOUNGE.channels[:1]))


@pytest.fixture
def kitchen(world: World) -> Kitchen:
    """Set the kitchen up."""
    return Kitchen(world)


def counts(stats: WarmupStats) -> tuple[int, int, int, int]:
    """Return total, verified, not verified, errors."""
    return stats["total_users"], stats["verified"], stats["not_verified"], stats["errors"]


async def test_each_user_is_counted_once(kitchen: Kitchen) -> None:
    """In all channels: verified; missing in one: not verified; Telegram does not tell: an error, and no absence."""
    half, hidden = UserId(10), UserId(11)
    kitchen.enrol(half, channels=(NEWS,))
    kitchen.enrol(hidden, channels=(INSIDERS,))
    whole = await warm_cache_for_group(GROUP, kitchen.context, [MEMBER, half, STRANGER, MEMBER])
    kitchen.world.telegram.silent.add(NEWS)
    partly = await warm_cache_for_group(GROUP, kitchen.context, [hidden])

    assert counts(whole) == (3, 1, 2, 0)
    assert counts(partly) == (1, 0, 0, 1)
    assert sorted(whole) == ["duration_seconds", "errors", "not_verified", "total_users", "verified"]


async def test_one_verification_is_one_call_and_what_is_fresh_costs_none(kitchen: Kitchen) -> None:
    """Not for what this process knows, and not for what another instance has asked."""
    other = FakeCache(kitchen.world.clock, kitchen.world.cache.shared)
    await other.store(BOT, MEMBER, NEWS, Membership.MEMBER, await other.begin(BOT, MEMBER, NEWS))
    first = await warm_cache_for_group(GROUP, kitchen.context, [MEMBER])
    calls = list(kitchen.calls)
    second = await warm_cache_for_group(GROUP, kitchen.context, [MEMBER])

    assert calls == [(INSIDERS, MEMBER)]
    assert kitchen.calls == calls
    assert counts(first) == counts(second) == (1, 1, 0, 0)


async def test_what_is_warm_costs_no_question_later(kitchen: Kitchen) -> None:
    """The member's first message passes from memory."""
    await warm_cache_for_group(GROUP, kitchen.context, [MEMBER])
    kitchen.world.telegram.calls.clear()
    standing = await kitchen.world.verification.standing(BOT, MEMBER, (NEWS, INSIDERS))

    assert set(standing.values()) == {Membership.MEMBER}
    assert kitchen.world.telegram.calls == []


async def test_what_is_near_its_end_is_asked_again(kitchen: Kitchen) -> None:
    """And no message, nor the renewal that follows messages, has to."""
    await warm_cache_for_group(GROUP, kitchen.context, [MEMBER])
    kitchen.world.clock.advance(500)
    await warm_cache_for_group(GROUP, kitchen.context, [MEMBER])

    assert len(kitchen.calls) == 4
    assert not kitchen.world.cache.due


async def test_an_absence_mutes_nobody(kitchen: Kitchen) -> None:
    """Somebody has to speak first; then Telegram is asked again."""
    await warm_cache_for_group(GROUP, kitchen.context, [STRANGER])

    assert not kitchen.world.store.rows
    assert kitchen.world.telegram.called("mute") == []


async def test_by_default_the_members_seen_lately_are_verified(kitchen: Kitchen) -> None:
    """The latest first; who was not seen for a week is left alone, and so is another group."""
    kitchen.enrol(UserId(10), UserId(11), UserId(12))
    kitchen.see(UserId(10), days_ago=6.9)
    kitchen.see(UserId(11), days_ago=0.1)
    kitchen.see(UserId(12), days_ago=7.1)
    kitchen.see(STRANGER, group=CAFE)
    stats = await warm_cache_for_group(GROUP, kitchen.context)

    assert counts(stats) == (2, 2, 0, 0)
    assert [user for channel, user in kitchen.calls if channel == NEWS] == [11, 10]


async def test_all_groups_of_the_bot(kitchen: Kitchen) -> None:
    """Who is in two groups with the same channel is asked about once; an unprotected group is left out."""
    await kitchen.open_cafe()
    await kitchen.world.configure(replace(LOUNGE, group_id=GroupId(-1009), protected=False))
    await kitchen.world.configure(replace(LOUNGE, group_id=GroupId(-1008), paused_reason="rights_lost"))
    for group in (GROUP, CAFE, GroupId(-1009), GroupId(-1008)):
        kitchen.see(MEMBER, group=group)
    stats = await warm_cache_for_all_groups(kitchen.context)

    assert counts(stats) == (2, 2, 0, 0)
    assert sorted(kitchen.calls) == [(INSIDERS, MEMBER), (NEWS, MEMBER)]


async def test_where_any_channel_will_do_one_membership_is_enough(kitchen: Kitchen) -> None:
    """What the message would not ask the warmer does not ask either."""
    policy = replace(LOUNGE.policy, require=Require.ANY)
    await kitchen.world.configure(replace(LOUNGE, policy=policy))
    late = UserId(10)
    kitchen.enrol(late, channels=(INSIDERS,))
    stats = await warm_cache_for_group(GROUP, kitchen.context, [MEMBER, late, STRANGER])

    assert counts(stats) == (3, 2, 1, 0)
    assert (INSIDERS, MEMBER) not in kitchen.calls
    assert (INSIDERS, late) in kitchen.calls


async def test_a_group_that_is_not_protected_has_nobody_to_verify(kitchen: Kitchen) -> None:
    """Neither one that nobody knows, nor another bot's."""
    await kitchen.world.configure(replace(LOUNGE, bot_id=BotId(7), group_id=CAFE))
    unknown = await warm_cache_for_group(-999, kitchen.context, [MEMBER])
    foreign = await warm_cache_for_group(CAFE, kitchen.context, [MEMBER])

    assert counts(unknown) == counts(foreign) == (0, 0, 0, 0)
    assert kitchen.calls == []


async def test_batches_of_a_hundred(kitchen: Kitchen) -> None:
    """After each one it is noted how far the round is, and at its end nothing is left to go on with."""
    kitchen.enrol(*CROWD)
    kitchen.see(*CROWD)
    heard: list[tuple[int, int]] = []
    stats = await kitchen.warmer.group(GROUP, watch=lambda so_far, all_: heard.append((so_far["total_users"], all_)))
    behind = [0 if mark.behind is None else CROWD.index(mark.behind.user_id) for mark in kitchen.bookmarks.saved]

    assert BATCH == 100
    assert counts(stats) == (250, 250, 0, 0)
    assert behind == [0, 150, 50, 0]
    assert kitchen.bookmarks.kept == {}
    assert heard == [(number, 250) for number in range(1, 251)]


async def test_a_cancelled_round_goes_on_where_it_was(kitchen: Kitchen) -> None:
    """What was done is not asked again, though it is not fresh any more."""
    kitchen.enrol(*CROWD)
    kitchen.see(*CROWD)
    reached, proceed = asyncio.Event(), asyncio.Event()

    async def stop_in_the_third_batch(_: str) -> None:
        if len(kitchen.calls) > 450:
            reached.set()
            await proceed.wait()

    kitchen.world.telegram.hook = stop_in_the_third_batch
    task = asyncio.get_running_loop().create_task(kitchen.warmer.group(GROUP))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kitchen.world.telegram.calls.clear()
    kitchen.world.cache.local.clear()
    kitchen.world.cache.shared.entries.clear()
    proceed.set()
    expected: set[int] = set()
    stats = await kitchen.warmer.group(GROUP, watch=lambda _, all_: expected.add(all_))

    assert counts(stats) == (50, 50, 0, 0)
    assert expected == {50}
    assert {user for _, user in kitchen.calls} == set(CROWD[:50])
    assert kitchen.bookmarks.kept == {}


async def test_a_round_over_all_groups_goes_on_in_the_group_where_it_was(kitchen: Kitchen) -> None:
    """The turn was lost after a batch: groups that were done stay done."""
    await kitchen.open_cafe()
    kitchen.enrol(MEMBER, *CROWD)
    kitchen.see(MEMBER, group=CAFE)
    kitchen.see(*CROWD, group=GROUP)
    turns = 0

    async def lost_in_the_second_group() -> None:
        nonlocal turns
        turns += 1
        if turns == 2:
            raise StoreUnavailableError("gone")

    with pytest.raises(StoreUnavailableError):
        await kitchen.warmer.all_groups(still_mine=lost_in_the_second_group)
    interrupted = await kitchen.warmer.interrupted()
    kitchen.world.telegram.calls.clear()
    stats = await kitchen.warmer.all_groups()

    assert interrupted
    assert not await kitchen.warmer.interrupted()
    assert counts(stats) == (250, 250, 0, 0)
    assert {user for _, user in kitchen.calls} == set(CROWD[:150])


def away(*, retry_after: float | None = None) -> TelegramUnavailableError:
    """Return what a call raises while Telegram is away."""
    return TelegramUnavailableError(method="getChatMember", description="away", retry_after=retry_after)


async def test_a_question_without_an_answer_is_asked_again_after_1_2_and_4_seconds(kitchen: Kitchen) -> None:
    """Then the answer counts as any other."""
    await kitchen.open_cafe()
    kitchen.world.telegram.fail("membership", away(), away(), away())
    stats = await warm_cache_for_group(CAFE, kitchen.context, [MEMBER])

    assert counts(stats) == (1, 1, 0, 0)
    assert kitchen.world.clock.slept == [1.0, 2.0, 4.0]


async def test_a_pause_that_telegram_names_is_kept(kitchen: Kitchen) -> None:
    """Asking earlier would only make it longer."""
    await kitchen.open_cafe()
    kitchen.world.telegram.fail("membership", away(retry_after=30.0), away(retry_after=9000.0))
    stats = await warm_cache_for_group(CAFE, kitchen.context, [MEMBER])

    assert counts(stats) == (1, 1, 0, 0)
    assert kitchen.world.clock.slept == [30.0, 300.0]


async def test_after_three_retries_it_is_an_error_and_the_next_is_asked(kitchen: Kitchen) -> None:
    """A failure is no absence, and is not remembered."""
    await kitchen.open_cafe()
    kitchen.world.telegram.fail("membership", *(away() for _ in range(4)))
    stats = await warm_cache_for_group(CAFE, kitchen.context, [STRANGER])
    later = await warm_cache_for_group(CAFE, kitchen.context, [STRANGER, MEMBER])

    assert counts(stats) == (1, 0, 0, 1)
    assert counts(later) == (2, 1, 1, 0)


async def test_a_round_is_given_up_when_telegram_is_away(kitchen: Kitchen) -> None:
    """Those who are left are errors, nobody is asked for hours, and the next round goes on there."""
    kitchen.enrol(*CROWD)
    kitchen.see(*CROWD)
    kitchen.world.telegram.fail("membership", *(away() for _ in range(10_000)))
    stats = await warm_cache_for_group(GROUP, kitchen.context)
    asked = len(kitchen.calls)
    kitchen.world.telegram.faults.clear()
    later = await warm_cache_for_group(GROUP, kitchen.context)

    assert counts(stats) == (250, 0, 0, 250)
    assert asked <= 100
    assert counts(later) == (250, 250, 0, 0)


async def test_only_a_few_questions_are_under_way_at_once(kitchen: Kitchen) -> None:
    """The pace is the budget's; presses find the way free."""
    kitchen.enrol(*CROWD)
    running, most = 0, 0

    async def count(name: str) -> None:
        nonlocal running, most
        running += -1 if name == "after membership" else 1
        most = max(most, running)
        await asyncio.sleep(0)

    kitchen.world.telegram.hook = count
    await warm_cache_for_group(GROUP, kitchen.context, CROWD)

    assert 1 < most <= 8


async def test_a_context_without_a_warmer_says_so(kitchen: Kitchen) -> None:
    """A fault of whoever built the application, told in its own words."""
    with pytest.raises(TypeError, match="bot_data"):
        await warm_cache_for_all_groups(Context(Application({WARMER: kitchen})))


async def test_a_handler_of_the_framework_is_a_context(kitchen: Kitchen) -> None:
    """What python-telegram-bot passes to a handler fits, and each bot's handlers find their own warmer."""
    world = kitchen.world
    use = use_cases(world)
    dispatcher = build_dispatcher(Bot("42:TOKEN"), use, _introduce, kitchen.warmer)
    application: AnyApplication = vars(dispatcher)["_application"]
    context: ContextTypes.DEFAULT_TYPE = CallbackContext(application)
    stats = await warm_cache_for_group(GROUP, context, [MEMBER])

    assert counts(stats) == (1, 1, 0, 0)


async def _introduce() -> None:
    """Know already who the bot is."""
