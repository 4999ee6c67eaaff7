"""The shared prompt, in memory and in PostgreSQL: who shares it, how many it counts, when it is due."""

import asyncio

import pytest

from bot.domain.crowd import Crowd, Room
from bot.domain.ids import EphemeralId, MessageId, UserId
from bot.domain.intent import PromptSeen, WentAway
from bot.domain.restriction import Case, PromptState
from tests.contract.desk import BOT, GROUP, NEWS, OTHER_BOT, Desk

pytestmark = pytest.mark.servers

PLACES = 2


async def prompting(desk: Desk, user: int, *, gather_seconds: float = 1.0) -> Case:
    """Have a prompt begun for somebody new."""
    case = await desk.leased(UserId(user))
    begun = await desk.ledger.prompting(case, channels=(NEWS,), room=Room(PLACES, gather_seconds))
    assert begun is not None
    return begun


async def crowd_of(desk: Desk) -> Crowd:
    """Take the one shared prompt that is due."""
    (crowd,) = await desk.crowds.take(10)
    return crowd


async def test_the_first_few_of_a_minute_have_their_own(desk: Desk) -> None:
    """Who comes after them shares the group's; a minute later there is room again."""
    begun = [await prompting(desk, user) for user in range(3, 7)]
    await desk.pass_time(62)
    later = await prompting(desk, 7)

    assert [case.prompt_state for case in begun] == [PromptState.SENDING] * 2 + [PromptState.SENT] * 2
    assert [case.shares_prompt for case in begun] == [False, False, True, True]
    assert {case.prompt_channels for case in begun} == {(NEWS,)}
    assert later.prompt_state is PromptState.SENDING


async def test_who_come_at_the_same_moment_are_counted_one_by_one(desk: Desk) -> None:
    """However many ask at once, no more than the places are given out."""
    cases = [await desk.leased(UserId(user)) for user in range(3, 11)]
    begun = await asyncio.gather(*(desk.ledger.prompting(case, channels=(), room=Room(PLACES, 1)) for case in cases))

    assert sum(case is not None and not case.shares_prompt for case in begun) == PLACES


async def test_a_second_try_takes_no_second_place(desk: Desk) -> None:
    """A prompt that Telegram did not take is tried again in its own place."""
    first = await prompting(desk, 3)
    again = await desk.ledger.prompting(first, channels=(), room=Room(PLACES, 1))
    other = await prompting(desk, 4)

    assert again is not None
    assert [again.prompt_state, other.prompt_state] == [PromptState.SENDING] * 2


async def test_the_shared_prompt_is_due_once_it_has_gathered(desk: Desk) -> None:
    """It counts who shares it then, and nobody else."""
    for user in range(3, 7):
        await prompting(desk, user, gather_seconds=30)
    early = await desk.crowds.take(10)
    await desk.pass_time(31)

    crowd = await crowd_of(desk)
    assert early == []
    assert (crowd.group_id, crowd.waiting, crowd.shown, crowd.message_id) == (GROUP, 2, 0, None)
    assert await desk.crowds.take(10) == []


async def test_what_changes_meanwhile_is_shown_after_a_pause(desk: Desk) -> None:
    """The group is not told every second; nothing is forgotten over that."""
    cases = [await prompting(desk, user) for user in range(3, 7)]
    await desk.pass_time(2)
    crowd = await crowd_of(desk)
    await desk.ledger.prompted(cases[3], PromptState.GONE)
    await desk.crowds.stands(crowd, MessageId(60), shown=2)
    at_once = await desk.crowds.take(10)
    await desk.pass_time(4)

    later = await crowd_of(desk)
    assert at_once == []
    assert (later.waiting, later.shown, later.message_id) == (1, 2, 60)
    assert later.sent_at is not None


@pytest.mark.parametrize("how", ["freed", "left"])
async def test_who_shares_it_no_more_is_not_counted(desk: Desk, how: str) -> None:
    """When the last one has gone, it is due to go; after that it is never due."""
    cases = [await prompting(desk, user) for user in range(3, 6)]
    await desk.pass_time(2)
    await desk.crowds.stands(await crowd_of(desk), MessageId(60), shown=1)
    assert await desk.ledger.prompt_stands(BOT, GROUP, MessageId(60))
    assert not await desk.ledger.prompt_stands(OTHER_BOT, GROUP, MessageId(60))
    if how == "freed":
        await desk.ledger.prompted((await desk.ledger.lease(cases[2].case_id)) or cases[2], PromptState.GONE)
    else:
        await desk.commit(WentAway(BOT, GROUP, UserId(5)))
    await desk.pass_time(4)

    crowd = await crowd_of(desk)
    await desk.crowds.stands(crowd, None, shown=0)
    await desk.pass_time(3 * 86400)
    assert crowd.waiting == 0
    assert await desk.crowds.take(10) == []


async def test_a_shared_prompt_that_is_gone_for_now_is_looked_at_again(desk: Desk) -> None:
    """The gate was off at that moment: whoever is gated again before they are freed is not left without a prompt."""
    for user in range(3, 6):
        await prompting(desk, user)
    await desk.pass_time(2)
    await desk.crowds.stands(await crowd_of(desk), None, shown=0)
    at_once = await desk.crowds.take(10)
    await desk.pass_time(11)

    assert list(at_once) == []
    assert (await crowd_of(desk)).waiting == 1


async def test_a_shared_prompt_grows_old(desk: Desk) -> None:
    """While Telegram still deletes it, it is due once more."""
    for user in range(3, 6):
        await prompting(desk, user)
    await desk.pass_time(2)
    await desk.crowds.stands(await crowd_of(desk), MessageId(60), shown=1)
    await desk.pass_time(46 * 3600)
    young = await desk.crowds.take(10)
    await desk.pass_time(3601)

    assert young == []
    assert (await crowd_of(desk)).waiting == 1


async def test_a_prompt_for_one_is_known_by_its_number(desk: Desk) -> None:
    """It stands for its member only; who has pressed it is remembered; who leaves takes it along."""
    case = await prompting(desk, 3)
    shown = await desk.ledger.prompted(case, PromptState.SENT, ephemeral=EphemeralId(5), channels=(NEWS,))
    await desk.commit(PromptSeen(BOT, GROUP, UserId(3), EphemeralId(5)))
    seen = await desk.ledger.lease(case.case_id)

    assert shown is not None
    assert seen is not None
    assert (shown.prompt_ephemeral_id, shown.prompt_seen, shown.shares_prompt) == (5, False, False)
    assert seen.prompt_seen
    assert seen.version == shown.version
    assert await desk.ledger.ephemeral_stands(BOT, GROUP, UserId(3), EphemeralId(5))
    assert not await desk.ledger.ephemeral_stands(BOT, GROUP, UserId(4), EphemeralId(5))
    await desk.commit(WentAway(BOT, GROUP, UserId(3)))
    after = await desk.ledger.lease(case.case_id)
    assert after is not None
    assert (after.prompt_state, after.prompt_ephemeral_id) == (PromptState.GONE, None)


async def test_one_that_stood_in_vain_is_remembered(desk: Desk) -> None:
    """Until the case comes to share the group's prompt, or is told in another way."""
    case = await prompting(desk, 3)
    await desk.ledger.prompted(case, PromptState.SENT, ephemeral=EphemeralId(5))
    gone = await desk.ledger.prompted(case, PromptState.GONE, ephemeral=EphemeralId(5))
    assert gone is not None
    again = await desk.ledger.prompting(gone, channels=(), room=Room(PLACES, 1))

    assert again is not None
    assert (again.prompt_state, again.prompt_ephemeral_id) == (PromptState.SENDING, 5)
