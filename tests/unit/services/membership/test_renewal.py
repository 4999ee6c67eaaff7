"""Memberships are renewed before their end, in the background, and no failure takes anything away."""

import asyncio

import pytest

from bot.domain.ids import UpdateId, UserId
from bot.domain.membership import Membership, Stamp
from bot.services.membership.renewal import AT_ONCE, REST_SECONDS, Renewal
from tests.fakes.ports import FakeCache
from tests.kits.world import BOT, INSIDERS, MEMBER, NEWS, World

NEAR_THE_END = 500.0


@pytest.fixture
async def renewal(world: World) -> Renewal:
    """Have the member verified some time ago."""
    await world.verification.standing(BOT, MEMBER, (NEWS,))
    world.clock.advance(NEAR_THE_END)
    world.telegram.calls.clear()
    return Renewal(cache=world.cache, verification=world.verification, clock=world.clock)


async def test_a_membership_that_is_used_near_its_end_is_renewed(world: World, renewal: Renewal) -> None:
    """The message passes at once; a question later the membership lives as long as a new one."""
    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.MEMBER
    await renewal.turn()
    world.clock.advance(590)

    assert world.telegram.called("membership") == [(NEWS, MEMBER)]
    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.MEMBER
    assert world.journal.verifications["member", "renewal"] == 1


async def test_a_membership_that_nobody_uses_is_left_to_its_end(world: World, renewal: Renewal) -> None:
    """Who is silent costs nothing."""
    await renewal.turn()

    assert world.telegram.calls == []


async def test_many_messages_near_the_end_are_one_question(world: World, renewal: Renewal) -> None:
    """However often somebody writes meanwhile."""
    for _ in range(100):
        world.cache.recall(BOT, MEMBER, NEWS)
    await renewal.turn()
    world.cache.recall(BOT, MEMBER, NEWS)
    await renewal.turn()

    assert len(world.telegram.called("membership")) == 1


async def test_a_renewal_and_a_message_share_one_question(world: World, renewal: Renewal) -> None:
    """The membership ends while it is being renewed: who writes then waits for the same answer."""
    proceed = asyncio.Event()

    async def slow(_: str) -> None:
        await proceed.wait()

    world.cache.recall(BOT, MEMBER, NEWS)
    world.telegram.hook = slow
    turn = asyncio.get_running_loop().create_task(renewal.turn())
    await asyncio.sleep(0.01)
    world.clock.advance(100)
    message = asyncio.get_running_loop().create_task(world.verification.standing(BOT, MEMBER, (NEWS,)))
    await asyncio.sleep(0.01)
    proceed.set()
    await asyncio.gather(turn, message)

    assert message.result() == {NEWS: Membership.MEMBER}
    assert len(world.telegram.called("membership")) == 1


async def test_what_another_instance_has_renewed_is_taken_over(world: World, renewal: Renewal) -> None:
    """No second call."""
    other = FakeCache(world.clock, world.cache.shared)
    world.cache.recall(BOT, MEMBER, NEWS)
    await other.store(BOT, MEMBER, NEWS, Membership.MEMBER, await other.begin(BOT, MEMBER, NEWS))
    await renewal.turn()
    world.clock.advance(590)

    assert world.telegram.calls == []
    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.MEMBER


async def test_without_an_answer_the_membership_stays_until_its_end(world: World, renewal: Renewal) -> None:
    """An outage takes nothing away before its time, and mutes nobody after it."""
    world.telegram.silent.add(NEWS)
    world.cache.recall(BOT, MEMBER, NEWS)
    await renewal.turn()

    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.MEMBER
    world.clock.advance(100)
    assert world.cache.recall(BOT, MEMBER, NEWS) is None
    assert await world.verification.standing(BOT, MEMBER, (NEWS,)) == {NEWS: Membership.UNKNOWN}


async def test_a_channel_that_does_not_answer_is_left_alone_for_a_while(world: World, renewal: Renewal) -> None:
    """Everybody who speaks is due; one question at a time finds out whether the channel answers again."""
    world.telegram.silent.add(NEWS)
    for _ in range(20):
        world.cache.recall(BOT, MEMBER, NEWS)
        await renewal.turn()
    once = len(world.telegram.called("membership"))
    world.clock.advance(REST_SECONDS + 1)
    world.telegram.silent.clear()
    world.cache.recall(BOT, MEMBER, NEWS)
    await renewal.turn()
    world.clock.advance(590)

    assert once == 1
    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.MEMBER


async def test_another_channel_is_not_held_up(world: World) -> None:
    """Only the silent one rests."""
    await world.verification.standing(BOT, MEMBER, (NEWS, INSIDERS))
    world.clock.advance(NEAR_THE_END)
    world.telegram.silent.add(NEWS)
    renewal = Renewal(cache=world.cache, verification=world.verification, clock=world.clock)
    for _ in range(2):
        for channel in (NEWS, INSIDERS):
            world.cache.recall(BOT, MEMBER, channel)
        await renewal.turn()

    assert world.cache.is_due(BOT, MEMBER, NEWS)
    assert not world.cache.is_due(BOT, MEMBER, INSIDERS)


async def test_a_leave_that_comes_during_the_question_holds(world: World, renewal: Renewal) -> None:
    """A renewal is a question like any other: events win."""

    async def leave_meanwhile(name: str) -> None:
        if name == "after membership":
            await world.cache.record(BOT, MEMBER, NEWS, Membership.ABSENT, Stamp(10, UpdateId(1)))

    world.cache.recall(BOT, MEMBER, NEWS)
    world.telegram.hook = leave_meanwhile
    await renewal.turn()

    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.ABSENT


async def test_an_absence_found_by_a_renewal_mutes_nobody_by_itself(world: World, renewal: Renewal) -> None:
    """It is what the next message finds; then Telegram is asked once more before anything is done."""
    world.telegram.in_channel[NEWS].clear()
    world.cache.recall(BOT, MEMBER, NEWS)
    await renewal.turn()

    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.ABSENT
    assert not world.store.rows


async def test_few_questions_are_under_way_at_once(world: World) -> None:
    """A crowd that became known in the same minute is no flood ten minutes later."""
    crowd = [UserId(user) for user in range(100, 160)]
    world.telegram.in_channel[NEWS] = set(crowd)
    for user in crowd:
        await world.verification.standing(BOT, user, (NEWS,))
    world.clock.advance(NEAR_THE_END)
    world.telegram.calls.clear()
    running, most = 0, 0

    async def count(name: str) -> None:
        nonlocal running, most
        running += -1 if name == "after membership" else 1
        most = max(most, running)
        await asyncio.sleep(0)

    world.telegram.hook = count
    for user in crowd:
        world.cache.recall(BOT, user, NEWS)
    await Renewal(cache=world.cache, verification=world.verification, clock=world.clock).turn()

    assert len(world.telegram.called("membership")) == len(crowd)
    assert most <= AT_ONCE


async def test_renewal_goes_on_until_it_is_cancelled(world: World, renewal: Renewal) -> None:
    """Turn after turn."""
    running = asyncio.get_running_loop().create_task(renewal.run())
    world.cache.recall(BOT, MEMBER, NEWS)
    for _ in range(50):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert world.telegram.called("membership") == [(NEWS, MEMBER)]
