"""Who may speak, and what a message obliges GMBot to."""

import asyncio
from dataclasses import replace

from bot.domain.errors import TelegramUnavailableError
from bot.domain.ids import GroupId, MessageId, TopicId
from bot.domain.intent import OpenCase
from bot.domain.membership import Membership
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement, OnUnknown, Policy
from bot.domain.restriction import Wanted
from bot.services.gate.admission import MOST_GROUPS_REMEMBERED, Admission
from tests.kits.world import ADMIN, BOT, GROUP, INSIDERS, LOUNGE, MEMBER, NEWS, STRANGER, World


async def test_a_member_of_all_channels_may_speak(world: World) -> None:
    """Nothing follows but a note that they were seen."""
    outcome = await world.doorkeeper.look(world.speaker(MEMBER))
    await world.activity.flush()

    assert outcome == (Admission.ADMITTED, ())
    assert (BOT, GROUP, MEMBER) in world.store.seen


async def test_a_stranger_s_message_opens_a_case(world: World) -> None:
    """The case carries all that is needed to act on it later, wherever."""
    speaker = replace(world.speaker(STRANGER, 7), topic_id=TopicId(5))

    admission, intents = await world.doorkeeper.look(speaker)

    assert admission is Admission.STOPPED
    assert intents == (
        OpenCase(
            bot_id=BOT,
            group_id=GROUP,
            user_id=STRANGER,
            user_name="User 3",
            language="en",
            enforcement=Enforcement.MUTE,
            wanted=Wanted.MUTE,
            delete_ids=(MessageId(7),),
            topic_id=TopicId(5),
            sent_at=speaker.sent_at,
            missing=(NEWS, INSIDERS),
        ),
    )


async def test_one_missing_channel_is_enough(world: World) -> None:
    """All channels are required, not any of them."""
    world.telegram.in_channel[NEWS].add(STRANGER)

    admission, intents = await world.doorkeeper.look(world.speaker(STRANGER))

    assert admission is Admission.STOPPED
    assert len(intents) == 1


async def test_an_admin_need_not_be_in_the_channels(world: World) -> None:
    """Owner and admins are never gated."""
    assert await world.doorkeeper.look(world.speaker(ADMIN)) == (Admission.ADMITTED, ())


async def test_the_list_of_admins_is_asked_for_once_in_ten_minutes(world: World) -> None:
    """A crowd of strangers costs one list."""
    for _ in range(5):
        await world.speak(STRANGER)
    world.clock.advance(601)
    await world.speak(STRANGER)

    assert len(world.telegram.called("administrators")) == 2


async def test_a_promotion_is_known_at_once(world: World) -> None:
    """The event spends the list that was remembered."""
    await world.speak(STRANGER)
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.ADMIN)
    world.doorkeeper.admins_changed(BOT, GROUP)

    assert await world.doorkeeper.look(world.speaker(STRANGER)) == (Admission.ADMITTED, ())


async def test_lists_of_admins_do_not_pile_up(world: World) -> None:
    """A deployment with many groups forgets the oldest list, and asks again when it is wanted."""
    for number in range(MOST_GROUPS_REMEMBERED):
        await world.doorkeeper.is_admin(BOT, GroupId(-number), ADMIN)
    asked = len(world.telegram.called("administrators"))
    await world.doorkeeper.is_admin(BOT, GroupId(-MOST_GROUPS_REMEMBERED), ADMIN)
    await world.doorkeeper.is_admin(BOT, GroupId(-1), ADMIN)
    await world.doorkeeper.is_admin(BOT, GroupId(0), ADMIN)

    assert len(world.telegram.called("administrators")) == asked + 2


async def test_without_a_list_of_admins_the_last_one_counts(world: World) -> None:
    """An outage makes no admin a stranger; who was none is looked at again before a mute."""
    away = TelegramUnavailableError(method="getChatAdministrators", description="away")
    await world.doorkeeper.is_admin(BOT, GROUP, ADMIN)
    world.clock.advance(601)
    world.telegram.fail("administrators", away, away)

    assert await world.doorkeeper.is_admin(BOT, GROUP, ADMIN)
    assert not await world.doorkeeper.is_admin(BOT, GROUP, STRANGER)


async def test_a_doubt_lets_the_message_pass(world: World) -> None:
    """By default an outage costs nobody their voice."""
    world.telegram.silent = {NEWS, INSIDERS}

    assert await world.doorkeeper.look(world.speaker(STRANGER)) == (Admission.ADMITTED, ())


async def test_a_strict_group_holds_the_message_on_a_doubt(world: World) -> None:
    """Its admins chose so; the worker checks again and removes the message."""
    await world.configure(replace(LOUNGE, policy=Policy(on_unknown=OnUnknown.HOLD)))
    world.telegram.silent = {NEWS, INSIDERS}

    admission, intents = await world.doorkeeper.look(world.speaker(STRANGER))

    assert admission is Admission.STOPPED
    assert [intent.wanted for intent in intents if isinstance(intent, OpenCase)] == [Wanted.CHECK]


async def test_a_join_is_not_held_on_a_doubt(world: World) -> None:
    """There is no message that could be."""
    await world.configure(replace(LOUNGE, policy=Policy(on_unknown=OnUnknown.HOLD)))
    world.telegram.silent = {NEWS, INSIDERS}
    joining = replace(world.speaker(STRANGER), message_id=None)

    assert await world.doorkeeper.look(joining) == (Admission.ADMITTED, ())


async def test_a_proven_absence_outweighs_a_doubt(world: World) -> None:
    """Who is missing from one channel is missing, whatever the other says."""
    world.telegram.silent = {INSIDERS}

    admission, _ = await world.doorkeeper.look(world.speaker(STRANGER))

    assert admission is Admission.STOPPED


async def test_a_slow_answer_does_not_hold_the_chat_back(world: World, real_patience: float) -> None:
    """After 300 ms the question itself becomes the intent, and goes on in the background."""
    proceed = asyncio.Event()

    async def slow(name: str) -> None:
        if name == "membership":
            await proceed.wait()

    world.telegram.hook = slow
    loop = asyncio.get_running_loop()
    started = loop.time()
    admission, intents = await world.doorkeeper.look(world.speaker(STRANGER, 9))
    waited = loop.time() - started
    proceed.set()
    await world.spawner.finished()

    assert admission is Admission.ADMITTED
    assert [intent.wanted for intent in intents if isinstance(intent, OpenCase)] == [Wanted.CHECK]
    assert real_patience == 0.3
    assert 0.25 < waited < 1
    assert world.cache.recall(BOT, STRANGER, NEWS) is Membership.ABSENT


async def test_where_nothing_is_protected_nobody_is_asked(world: World) -> None:
    """Another group, an open one and a paused one cost no call."""
    await world.configure(replace(LOUNGE, group_id=GroupId(-5), protected=False))
    await world.configure(replace(LOUNGE, group_id=GroupId(-6), paused_reason="rights_lost"))

    outcomes = [await world.doorkeeper.look(world.speaker(STRANGER, group=GroupId(group))) for group in (-4, -5, -6)]

    assert outcomes == [(Admission.ADMITTED, ())] * 3
    assert world.telegram.calls == []
