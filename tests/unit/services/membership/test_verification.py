"""One question per channel and user, whoever asks; and no answer that an event has overtaken."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest

from bot.domain.errors import TelegramPausedError, TelegramUnavailableError
from bot.domain.ids import BotId, ChannelId, UpdateId, UserId
from bot.domain.membership import Membership, Stamp
from tests.fakes.ports import FakeCache
from tests.kits.world import BOT, INSIDERS, MEMBER, NEWS, STRANGER, World


async def test_a_crowd_shares_one_question_per_channel(world: World) -> None:
    """A hundred messages of one stranger at the same moment cost one call for each channel."""
    standings = await asyncio.gather(
        *(world.verification.standing(BOT, STRANGER, (NEWS, INSIDERS)) for _ in range(100))
    )

    assert sorted(world.telegram.called("membership")) == [(INSIDERS, STRANGER), (NEWS, STRANGER)]
    assert all(standing == {NEWS: Membership.ABSENT, INSIDERS: Membership.ABSENT} for standing in standings)


async def test_who_looks_while_the_answer_comes_shares_the_question(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose look into the shared cache ends after the question of another is answered does not ask again."""
    read, looks = world.cache.read, 0

    async def slower(bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        nonlocal looks
        looks += 1
        is_first = looks == 1
        found = await read(bot, user, channels)
        await asyncio.sleep(0 if is_first else 0.02)
        return found

    monkeypatch.setattr(world.cache, "read", slower)
    await asyncio.gather(*(world.verification.standing(BOT, MEMBER, (NEWS,)) for _ in range(3)))

    assert world.telegram.called("membership") == [(NEWS, MEMBER)]


async def test_a_known_member_costs_no_call(world: World) -> None:
    """The second message is answered from memory."""
    await world.verification.standing(BOT, MEMBER, (NEWS,))
    world.telegram.calls.clear()

    standing = await world.verification.standing(BOT, MEMBER, (NEWS,))

    assert standing == {NEWS: Membership.MEMBER}
    assert world.telegram.calls == []


async def test_lookups_are_counted_by_layer_and_answers_timed(world: World) -> None:
    """Whoever waits for the same answer has not found it in memory; only one has looked into Redis."""

    async def slowly(method: str) -> None:
        world.clock.advance(0.25 if method == "membership" else 0.0)

    world.telegram.hook = slowly
    await asyncio.gather(*(world.verification.standing(BOT, MEMBER, (NEWS,)) for _ in range(3)))
    await world.verification.standing(BOT, MEMBER, (NEWS,))

    assert world.journal.lookups == {("memory", "hit"): 1, ("memory", "miss"): 3, ("redis", "miss"): 1} | {
        ("redis", "hit"): 0
    }
    assert world.journal.durations == [0.25]


async def test_another_instance_s_answer_is_taken_over(world: World) -> None:
    """What one instance asked the others need not ask."""
    other = FakeCache(world.clock, world.cache.shared)
    await other.store(BOT, MEMBER, NEWS, Membership.MEMBER, await other.begin(BOT, MEMBER, NEWS))

    standing = await world.verification.standing(BOT, MEMBER, (NEWS,))

    assert standing == {NEWS: Membership.MEMBER}
    assert world.telegram.calls == []
    assert world.journal.verifications == {("member", "cache"): 1}


async def test_one_who_stops_waiting_does_not_stop_the_question(world: World) -> None:
    """The others still get their answer, and it is remembered."""
    proceed = asyncio.Event()

    async def slow(_: str) -> None:
        await proceed.wait()

    world.telegram.hook = slow
    impatient = asyncio.get_running_loop().create_task(world.verification.standing(BOT, MEMBER, (NEWS,)))
    patient = asyncio.get_running_loop().create_task(world.verification.standing(BOT, MEMBER, (NEWS,)))
    await asyncio.sleep(0.01)
    impatient.cancel()
    with suppress(asyncio.CancelledError):
        await impatient
    proceed.set()
    standing = await patient

    assert standing == {NEWS: Membership.MEMBER}
    assert len(world.telegram.called("membership")) == 1
    assert world.cache.recall(BOT, MEMBER, NEWS) is Membership.MEMBER


async def test_when_nobody_waits_any_more_the_answer_is_still_remembered(world: World) -> None:
    """The member's next message passes at once."""

    async def slow(_: str) -> None:
        await asyncio.sleep(0.03)

    world.telegram.hook = slow
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(world.verification.standing(BOT, MEMBER, (NEWS,)), 0.01)
    await world.spawner.finished()
    world.telegram.hook = _broken

    standing = await world.verification.standing(BOT, MEMBER, (NEWS,))

    assert standing == {NEWS: Membership.MEMBER}


async def test_an_outage_is_neither_an_absence_nor_remembered(world: World) -> None:
    """While Telegram is silent nothing is known; when it is back it is asked again."""
    world.telegram.silent.add(NEWS)
    during = await world.verification.standing(BOT, STRANGER, (NEWS,))
    world.telegram.silent.clear()
    world.telegram.in_channel[NEWS].add(STRANGER)
    after = await world.verification.standing(BOT, STRANGER, (NEWS,))

    assert during == {NEWS: Membership.UNKNOWN}
    assert after == {NEWS: Membership.MEMBER}


async def test_an_answer_that_an_event_overtook_is_dropped(world: World) -> None:
    """Telegram said "absent", then the join was heard of: the join holds."""

    async def join_meanwhile(name: str) -> None:
        if name == "after membership":
            world.telegram.hook = _nothing
            await world.cache.record(BOT, STRANGER, NEWS, Membership.MEMBER, Stamp(1, UpdateId(1)))

    world.telegram.hook = join_meanwhile

    standing = await world.verification.standing(BOT, STRANGER, (NEWS,))

    assert standing == {NEWS: Membership.MEMBER}
    assert world.cache.recall(BOT, STRANGER, NEWS) is Membership.MEMBER


async def test_an_older_event_does_not_undo_a_newer_one(world: World) -> None:
    """Updates arrive out of order; Telegram's date decides, then the update's number."""
    await world.cache.record(BOT, STRANGER, NEWS, Membership.MEMBER, Stamp(20, UpdateId(5)))

    assert not await world.cache.record(BOT, STRANGER, NEWS, Membership.ABSENT, Stamp(20, UpdateId(4)))
    assert not await world.cache.record(BOT, STRANGER, NEWS, Membership.ABSENT, Stamp(19, UpdateId(9)))
    assert await world.verification.standing(BOT, STRANGER, (NEWS,)) == {NEWS: Membership.MEMBER}


async def test_three_overtaken_questions_are_a_doubt(world: World) -> None:
    """When the shared store keeps losing what was asked, nothing is concluded."""

    async def overtake(name: str) -> None:
        if name == "after membership":
            world.cache.shared.entries.clear()

    world.telegram.hook = overtake

    standing = await world.verification.standing(BOT, STRANGER, (NEWS,))

    assert standing == {NEWS: Membership.UNKNOWN}
    assert len(world.telegram.called("membership")) == 3
    assert world.cache.recall(BOT, STRANGER, NEWS) is None


async def test_an_examination_asks_telegram_about_a_remembered_absence(world: World) -> None:
    """Who has joined since must not be muted, or told no, from memory."""
    await world.verification.standing(BOT, STRANGER, (NEWS,))
    world.telegram.in_channel[NEWS].add(STRANGER)

    standing = await world.verification.examine(BOT, STRANGER, (NEWS,))

    assert standing == {NEWS: Membership.MEMBER}


async def test_an_examination_asks_only_where_membership_is_not_known(world: World) -> None:
    """A remembered membership counts, and the answers come in the admins' order."""
    await world.cache.record(BOT, STRANGER, NEWS, Membership.MEMBER, Stamp(1, UpdateId(1)))

    standing = await world.verification.examine(BOT, STRANGER, (INSIDERS, NEWS))

    assert list(standing.items()) == [(INSIDERS, Membership.ABSENT), (NEWS, Membership.MEMBER)]
    assert world.telegram.called("membership") == [(INSIDERS, STRANGER)]


async def test_who_can_wait_is_told_of_the_longest_pause(world: World) -> None:
    """Of what left something unknown; who cannot wait gets the same answers without it."""
    pauses = [TelegramPausedError(method="x", description="429", retry_after=seconds) for seconds in (2, 7)]
    unknown = {NEWS: Membership.UNKNOWN, INSIDERS: Membership.UNKNOWN}

    world.telegram.fail("membership", *pauses)
    standing, longest = await world.verification.examine_and_wait(BOT, STRANGER, (NEWS, INSIDERS))
    world.telegram.fail("membership", *pauses)
    examined = await world.verification.examine(BOT, STRANGER, (NEWS, INSIDERS))

    assert (standing, longest) == (unknown, pauses[1])
    assert examined == unknown
    assert world.journal.verifications["unknown", "telegram"] == 4


async def test_a_silence_is_not_waited_for(world: World) -> None:
    """Nobody knows when it ends."""
    world.telegram.fail("membership", TelegramUnavailableError(method="x", description="away", retry_after=5))

    standing, pause = await world.verification.examine_and_wait(BOT, STRANGER, (NEWS,))

    assert (standing, pause) == ({NEWS: Membership.UNKNOWN}, None)


async def test_a_fault_while_asking_is_a_doubt_for_those_who_wait(world: World) -> None:
    """Nobody waits for ever, and nothing is concluded."""
    world.telegram.hook = _broken

    standing = await world.verification.standing(BOT, STRANGER, (NEWS,))

    assert standing == {NEWS: Membership.UNKNOWN}


async def test_a_group_without_channels_needs_no_question(world: World) -> None:
    """Nothing required, nothing asked."""
    assert await world.verification.standing(BOT, STRANGER, ()) == {}
    assert await world.verification.examine(BOT, STRANGER, ()) == {}


async def _nothing(_: str) -> None:
    """Do nothing."""


async def _broken(_: str) -> None:
    raise RuntimeError("a fault of our own")
