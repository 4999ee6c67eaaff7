"""What a review leaves alone: moderators' decisions, everything in an outage, and whatever came after it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import TelegramUnavailableError
from bot.domain.permissions import MemberState, Role
from bot.domain.restriction import PROMPT_LIFE, Done, Wanted
from tests.kits.world import GROUP, INSIDERS, NEWS, STRANGER, World

AWAY = TelegramUnavailableError(method="getChatMember", description="away")
MODERATED = MemberState(Role.RESTRICTED, frozenset(), None)


async def resting(world: World) -> None:
    """Have the stranger muted, and everything that was called forgotten."""
    await world.speak(STRANGER, 7)
    await world.work()
    assert world.muted(STRANGER)
    world.telegram.calls.clear()


def put_under_review(world: World) -> None:
    """Do what the store does with a case whose turn it is."""
    row = world.row()
    world.store.touch(row, wanted=Wanted.CHECK)
    row.change(review_version=row.case.version)


async def review(world: World) -> None:
    """Review the stranger's case."""
    put_under_review(world)
    await world.work()


async def test_what_is_as_it_should_be_stays_so(world: World) -> None:
    """Two channels and one group are asked; nothing is done."""
    await resting(world)
    await review(world)

    assert [call[0] for call in world.telegram.calls] == ["membership", "membership", "member_state"]
    assert (world.row().case.wanted, world.row().case.done) == (Wanted.MUTE, Done.MUTED)
    assert world.journal.differences == []


@pytest.mark.parametrize(
    "state",
    [
        MemberState(Role.MEMBER),
        MemberState(Role.ADMIN),
        MemberState(Role.BANNED, is_member=False),
        MemberState(Role.LEFT, is_member=False),
    ],
    ids=lambda state: state.role.value,
)
async def test_what_a_moderator_did_is_respected(world: World, state: MemberState) -> None:
    """Lifted, promoted, banned, or thrown out: our case is over, and their word stands."""
    await resting(world)
    world.telegram.states[GROUP, STRANGER] = state
    await review(world)

    assert world.row().closed
    assert world.telegram.state(GROUP, STRANGER) == state
    assert world.telegram.called("mute") == []
    assert world.telegram.standing() == []
    assert world.journal.differences == ["overruled"]


async def test_a_moderator_s_mute_in_place_of_ours_is_enough(world: World) -> None:
    """Nothing is done, now or when the user joins."""
    await resting(world)
    world.telegram.states[GROUP, STRANGER] = MODERATED
    await review(world)
    assert world.journal.differences == []
    await world.join(STRANGER, NEWS, INSIDERS)
    await world.work()

    assert world.telegram.state(GROUP, STRANGER) == MODERATED
    assert world.telegram.called("put_back") == []


async def test_an_outage_changes_nothing(world: World) -> None:
    """Neither freed nor muted on a doubt; after a minute the others get their turn."""
    await resting(world)
    world.telegram.silent = {NEWS, INSIDERS}
    put_under_review(world)
    for _ in range(8):
        await world.work()
        world.clock.advance(60)

    case = world.row().case
    assert (case.wanted, case.done, case.under_review) == (Wanted.MUTE, Done.MUTED, False)
    assert world.muted(STRANGER)


async def test_an_event_during_a_review_comes_first(world: World) -> None:
    """Whatever else is wanted of the case ends the review."""
    await resting(world)
    put_under_review(world)
    world.store.touch(world.row(), wanted=Wanted.FREE)
    await world.work()

    assert not world.muted(STRANGER)
    assert world.journal.differences == []


# Prompts grow old


async def test_nobody_is_prompted_anew_who_has_gone(world: World) -> None:
    """The group is asked before."""
    await resting(world)
    world.telegram.states[GROUP, STRANGER] = replace(world.telegram.state(GROUP, STRANGER), is_member=False)
    world.clock.advance(PROMPT_LIFE.total_seconds())
    await world.work()

    assert world.telegram.standing() == []
    assert world.telegram.called("send") == []
    assert world.row().due_at is None


async def test_an_edit_makes_no_prompt_younger(world: World) -> None:
    """Telegram counts from when it was sent."""
    await resting(world)
    sent_at = world.row().case.prompt_sent_at
    world.clock.advance(timedelta(hours=20).total_seconds())
    await world.join(STRANGER, NEWS)
    await world.work()

    assert world.telegram.edited
    assert sent_at is not None
    assert world.row().due_at == sent_at + PROMPT_LIFE
