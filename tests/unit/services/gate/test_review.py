"""Comparing what a case has done with Telegram: what happened while nobody listened."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import MessageId
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Role
from bot.domain.restriction import Case, Done, Finding, PromptState, inspect, is_ours, prompt_ends_at
from tests.kits.strategies import START, cases, member_states
from tests.kits.world import GROUP, INSIDERS, LOUNGE, NEWS, STRANGER, World

_FREE = MemberState(Role.MEMBER)


@given(member_states, cases)
def test_our_mute_in_force_is_never_overruled(state: MemberState, case: Case) -> None:
    """Nobody is freed by a comparison that finds everything as it was left."""
    found = inspect(state, case)

    if is_ours(state, case.our_until):
        assert found in {Finding.IN_FORCE, Finding.AWAY}


@given(member_states, cases)
def test_who_is_no_member_is_away_at_the_most(state: MemberState, case: Case) -> None:
    """Only a member's mute is in force."""
    if inspect(state, case) is Finding.IN_FORCE:
        assert state.is_member


@given(member_states, cases)
def test_an_admin_is_always_overruled(state: MemberState, case: Case) -> None:
    """Whatever was done to them before they became one."""
    if state.is_admin:
        assert inspect(state, case) is Finding.OVERRULED


@given(cases)
def test_a_prompt_gives_way_while_it_can_still_be_deleted(case: Case) -> None:
    """Telegram deletes nothing that is older than 48 hours."""
    standing = replace(case, prompt_state=PromptState.SENT, prompt_sent_at=START, prompt_message_id=MessageId(7))

    ends = prompt_ends_at(standing)
    assert ends is not None
    assert timedelta(hours=40) < ends - START < timedelta(hours=48)
    assert prompt_ends_at(replace(standing, prompt_state=PromptState.GONE)) is None
    assert prompt_ends_at(replace(standing, prompt_message_id=None)) is None, "a shared one has an end of its own"
    assert prompt_ends_at(replace(standing, prompt_sent_at=None)) is None


async def test_an_old_prompt_is_replaced(world: World) -> None:
    """The member is muted still, and still has to see what to join."""
    await world.speak(STRANGER, 7)
    await world.work()
    world.clock.advance(47 * 3600)
    await world.work()

    assert len(world.telegram.called("send")) == 2
    assert len(world.telegram.standing()) == 1
    assert world.muted(STRANGER)


async def test_without_a_notice_that_can_be_sent_messages_are_held_all_the_same(world: World) -> None:
    """It is a courtesy; the next one replaces it after a minute."""
    await world.speak(STRANGER, 7)
    case = world.row().case
    await world.prompter.say_held(case, LOUNGE)
    await world.prompter.say_held(case, LOUNGE)
    world.clock.advance(61)
    await world.prompter.say_held(case, LOUNGE)
    world.clock.advance(61)
    world.telegram.fail("send", TelegramRefusedError(method="sendMessage", description="no rights"))
    await world.prompter.say_held(case, LOUNGE)

    assert len(world.telegram.sent) == 2
    assert len(world.telegram.standing()) == 1


@pytest.mark.parametrize("sent", [True, False])
async def test_a_prompt_that_cannot_be_changed_stays(world: World, *, sent: bool) -> None:
    """Somebody deleted it, or there is none; without an answer the change is tried again."""
    await world.speak(STRANGER, 7)
    await world.work()
    case = world.row().case if sent else replace(world.row().case, prompt_message_id=None)
    world.telegram.fail("edit", TelegramRefusedError(method="editMessageText", description="not found"))
    await world.prompter.update(case, LOUNGE, (NEWS,))
    assert world.telegram.edited == {}
    if sent:
        world.telegram.fail("edit", TelegramUnavailableError(method="editMessageText", description="away"))
        with pytest.raises(TelegramUnavailableError):
            await world.prompter.update(case, LOUNGE, (NEWS,))


async def _reviewed(world: World, state: MemberState) -> None:
    """Mute the stranger, change their state unheard, and put the case under review."""
    await world.speak(STRANGER, 7)
    await world.work()
    assert world.row().case.done is Done.MUTED
    world.telegram.states[GROUP, STRANGER] = state
    await _review(world)


async def _review(world: World) -> None:
    world.review(world.row())
    await world.work()


async def test_a_review_respects_an_unmute_that_nobody_told_of(world: World) -> None:
    """A moderator's decision holds, heard or not."""
    await _reviewed(world, _FREE)

    assert not world.muted(STRANGER)
    assert world.store.open_rows() == []


async def test_a_review_mutes_again_behind_a_loose_restriction(world: World) -> None:
    """And keeps that restriction as what is given back."""
    loose = ALL_PERMISSIONS - {"can_send_polls"}
    await _reviewed(world, MemberState(Role.RESTRICTED, loose, None))

    assert world.muted(STRANGER)
    prior = world.row().case.prior
    assert prior is not None
    assert prior.permissions == loose


async def test_a_review_frees_who_has_joined_unheard(world: World) -> None:
    """The event was lost; the review asks."""
    await world.speak(STRANGER, 7)
    await world.work()
    world.telegram.in_channel[NEWS] = world.telegram.in_channel[INSIDERS] = {STRANGER}
    await _review(world)

    assert not world.muted(STRANGER)
    assert world.store.open_rows() == []


async def test_a_review_without_an_answer_leaves_everything_as_it_is(world: World) -> None:
    """After a few attempts; the next round asks again."""
    await world.speak(STRANGER, 7)
    await world.work()
    world.telegram.silent = {NEWS, INSIDERS}
    await _review(world)
    for _ in range(12):
        world.clock.advance(400)
        await world.work()

    assert world.muted(STRANGER)
    assert world.row().due_at is not None
    assert len(world.telegram.called("mute")) == 1


async def test_a_review_of_a_state_that_telegram_refuses_changes_nothing(world: World) -> None:
    """The bot lost its rights there: the mute is kept until it has them again."""
    await world.speak(STRANGER, 7)
    await world.work()
    world.telegram.fail("member_state", TelegramRefusedError(method="getChatMember", description="forbidden"))
    await _review(world)

    assert world.muted(STRANGER)
    assert len(world.telegram.called("mute")) == 1


async def test_a_review_of_a_state_without_an_answer_is_made_again(world: World) -> None:
    """The unmute that nobody told of is found a little later."""
    await world.speak(STRANGER, 7)
    await world.work()
    world.telegram.states[GROUP, STRANGER] = _FREE
    world.telegram.fail("member_state", TelegramUnavailableError(method="getChatMember", description="away"))
    await _review(world)
    world.clock.advance(10)
    await world.work()

    assert world.store.open_rows() == []


async def test_a_review_takes_the_prompt_of_who_has_left(world: World) -> None:
    """Unheard too; the mute stays for when they come back."""
    await world.speak(STRANGER, 7)
    await world.work()
    gone = replace(world.telegram.state(GROUP, STRANGER), is_member=False)
    world.telegram.states[GROUP, STRANGER] = gone
    await _review(world)

    assert world.telegram.standing() == []
    assert world.telegram.state(GROUP, STRANGER) == gone
    assert world.row().case.done is Done.MUTED


async def test_who_comes_back_muted_and_has_joined_is_freed_at_the_door(world: World) -> None:
    """They joined while they were away, and no event told of it."""
    await world.speak(STRANGER, 7)
    await world.work()
    muted = world.telegram.state(GROUP, STRANGER)
    world.change(GROUP, STRANGER, replace(muted, is_member=False))
    world.telegram.in_channel[NEWS] = world.telegram.in_channel[INSIDERS] = {STRANGER}
    world.clock.advance(120)
    back = world.change(GROUP, STRANGER, muted)
    await world.commit(*await world.events.in_group(back))
    await world.work()

    assert not world.muted(STRANGER)
