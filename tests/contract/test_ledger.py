"""The ledger of restrictions, in memory and in PostgreSQL: what holds for one holds for the other."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.event import Cause
from bot.domain.ids import BotId, GroupId, MessageId, TopicId, UserId
from bot.domain.intent import Echo, Moderated, Regate, Want, WentAway
from bot.domain.permissions import Prior
from bot.domain.policy import Enforcement
from bot.domain.restriction import Done, PromptState, Wanted
from tests.contract.desk import ADMIN, BLOG, BOT, GROUP, NEWS, OTHER_BOT, SETUP, USER, Desk

pytestmark = pytest.mark.servers

_PRIOR = Prior(frozenset({"can_send_messages"}), None)


async def test_a_case_is_held_by_one_instance(desk: Desk) -> None:
    """Until it is given back, closed, or the lease has run out."""
    case = await desk.leased()

    assert await desk.rival.lease(case.case_id) is None
    assert await desk.ledger.lease(case.case_id) == case
    await desk.ledger.give_back(case.case_id)
    assert await desk.rival.lease(case.case_id) == case


async def test_a_lease_runs_out_after_three_seconds(desk: Desk) -> None:
    """Then another instance goes on, and the first one's writing counts no more."""
    case = await desk.leased()
    await desk.pass_time(3.5)

    assert not await desk.ledger.renew(case.case_id)
    assert await desk.ledger.want(case, Wanted.FREE) is None
    assert await desk.ledger.muting(case, prior=None, until=desk.now()) is None
    again = await desk.rival.lease(case.case_id)
    assert again is not None
    assert replace(again, done_at=case.done_at) == case
    assert await desk.ledger.did(case, Done.MUTED) is None
    assert not await desk.ledger.close(case, outcome="freed")


async def test_a_renewed_lease_lasts_another_three_seconds(desk: Desk) -> None:
    """For as long as its holder goes on."""
    case = await desk.leased()
    for _ in range(3):
        await desk.pass_time(2)
        assert await desk.ledger.renew(case.case_id)

    assert await desk.rival.lease(case.case_id) is None


async def test_a_fact_is_written_whatever_is_wanted_by_now(desk: Desk) -> None:
    """What happened in Telegram has happened."""
    case = await desk.leased()
    await desk.commit(Want((case.case_id,), Wanted.FREE, Cause.JOINED_CHANNEL))

    after = await desk.ledger.did(case, Done.MUTED)

    assert after is not None
    assert (after.done, after.wanted, after.version) == (Done.MUTED, Wanted.FREE, case.version + 1)


async def test_what_was_lifted_is_not_sure_once_somebody_acted(desk: Desk) -> None:
    """A mute may have landed in between: the echo of it makes the holder look again."""
    until = desk.now().replace(microsecond=0) + timedelta(days=250)
    case = await desk.leased()
    prepared = await desk.ledger.muting(case, prior=None, until=until)
    assert prepared is not None
    freeing = await desk.ledger.want(prepared, Wanted.FREE)
    assert freeing is not None
    woken = await desk.commit(Echo(BOT, GROUP, USER, until))
    unsure = await desk.ledger.lifted(freeing)
    assert unsure is not None
    sure = await desk.ledger.lifted(unsure)

    assert woken == (case.case_id,)
    assert sure is not None
    assert (unsure.done, sure.done) == (Done.MUTING, Done.LIFTED)


async def test_what_somebody_else_wanted_is_not_overwritten(desk: Desk) -> None:
    """The holder learns of it instead."""
    case = await desk.leased()
    await desk.commit(Want((case.case_id,), Wanted.FREE, Cause.JOINED_CHANNEL))

    after = await desk.ledger.want(case, Wanted.MUTE)

    assert after is not None
    assert after.wanted is Wanted.FREE


async def test_a_mute_is_prepared_only_if_nothing_changed(desk: Desk) -> None:
    """Prior state and end are written with it, in one step."""
    case, until = await desk.leased(), desk.now().replace(microsecond=0) + timedelta(days=250)
    prepared = await desk.ledger.muting(case, prior=_PRIOR, until=until)
    assert prepared is not None
    await desk.commit(Want((case.case_id,), Wanted.FREE, Cause.JOINED_CHANNEL))

    late = await desk.ledger.muting(prepared, prior=None, until=until + timedelta(days=1))

    assert (prepared.done, prepared.prior, prepared.our_until) == (Done.MUTING, _PRIOR, until)
    assert prepared.version == case.version + 1
    assert late is not None
    assert (late.prior, late.our_until) == (_PRIOR, until)


@pytest.mark.parametrize("ends", [None, 3600])
async def test_a_prior_restriction_survives_storage(desk: Desk, ends: int | None) -> None:
    """For ever, or until a time in whole seconds."""
    until = None if ends is None else desk.now().replace(microsecond=0) + timedelta(seconds=ends)
    prior = Prior(frozenset({"can_send_messages", "can_send_polls"}), until)
    case = await desk.leased()
    await desk.ledger.muting(case, prior=prior, until=desk.now())

    again = await desk.ledger.lease(case.case_id)

    assert again is not None
    assert again.prior == prior


async def test_a_resting_case_is_not_due(desk: Desk) -> None:
    """Until somebody wants something of it."""
    case = await desk.leased()

    assert await desk.ledger.rest(case, wake_at=None)
    assert await desk.ledger.due(10) == []
    await desk.commit(Want((case.case_id,), Wanted.FREE, Cause.JOINED_CHANNEL))
    assert await desk.rival.due(10) == [(case.bot_id, case.case_id)]


async def test_a_case_that_changed_is_neither_put_down_nor_closed(desk: Desk) -> None:
    """The holder looks at it again."""
    case = await desk.leased()
    await desk.commit(desk.opening(delete_ids=(MessageId(8),)))

    assert not await desk.ledger.rest(case, wake_at=None)
    assert not await desk.ledger.close(case, outcome="freed")
    again = await desk.ledger.lease(case.case_id)
    assert again is not None
    assert set(again.delete_ids) == {7, 8}


async def test_what_is_held_is_not_due(desk: Desk) -> None:
    """Nobody else is told of it."""
    case = await desk.leased()

    assert await desk.rival.due(10) == []
    await desk.pass_time(3.5)
    assert await desk.rival.due(10) == [(case.bot_id, case.case_id)]


async def test_a_postponed_case_comes_back_later(desk: Desk) -> None:
    """With one attempt more; the pause may be a tenth longer."""
    case = await desk.leased()
    is_put_off = await desk.ledger.postpone(case, seconds=10)

    assert is_put_off
    await desk.pass_time(9)
    assert await desk.ledger.due(10) == []
    await desk.pass_time(2.5)
    assert await desk.ledger.due(10) == [(case.bot_id, case.case_id)]
    again = await desk.ledger.lease(case.case_id)
    assert again is not None
    assert again.attempts == 1


async def test_a_postponed_case_that_changed_is_due_at_once(desk: Desk) -> None:
    """Freedom does not wait for the pause of a mute that failed."""
    case = await desk.leased()
    await desk.commit(Want((case.case_id,), Wanted.FREE, Cause.JOINED_CHANNEL))
    is_put_off = await desk.ledger.postpone(case, seconds=300)

    assert not is_put_off
    assert await desk.ledger.due(10) == [(case.bot_id, case.case_id)]


async def test_whose_restriction_it_may_be(desk: Desk) -> None:
    """One with the end of a case, open or closed; and any, of a user of whom nothing is known."""
    case, until = await desk.leased(), desk.now().replace(microsecond=0) + timedelta(days=250)
    who = (case.bot_id, case.group_id, case.user_id)
    unknown = await desk.ledger.imposed(case.bot_id, case.group_id, UserId(99), until)
    before = await desk.ledger.imposed(*who, until)
    fresh = await desk.ledger.muting(case, prior=None, until=until)
    assert fresh is not None
    mine, other = await desk.ledger.imposed(*who, until), await desk.ledger.imposed(*who, until + timedelta(days=1))
    await desk.ledger.close(fresh, outcome="freed")

    assert (unknown, before, mine, other) == (True, True, True, False)
    assert await desk.ledger.imposed(*who, until)
    assert not await desk.ledger.imposed(*who, until + timedelta(days=1))


async def test_what_is_due_for_some_bots_may_be_left_out(desk: Desk) -> None:
    """A sweep that knows of a bot's crowd looks for what waits for the others."""
    case = await desk.leased()
    await desk.ledger.give_back(case.case_id)

    assert await desk.ledger.due(10, without=[BotId(7)]) == [(case.bot_id, case.case_id)]
    assert await desk.ledger.due(10, without=[BotId(7), case.bot_id]) == []


async def test_a_closed_case_is_over(desk: Desk) -> None:
    """The next message opens another."""
    case = await desk.leased()
    assert await desk.ledger.close(case, outcome="freed")

    assert await desk.ledger.lease(case.case_id) is None
    assert await desk.commit(Want((case.case_id,), Wanted.MUTE, Cause.JOINED_CHANNEL)) == ()
    (other,) = await desk.commit(desk.opening())
    assert other != case.case_id


async def test_one_open_case_per_member_and_group(desk: Desk) -> None:
    """A second message adds to the first one's case."""
    (first,) = await desk.commit(desk.opening())
    (second,) = await desk.commit(desk.opening(delete_ids=(MessageId(8),), topic_id=TopicId(5)))

    case = await desk.ledger.lease(first)
    assert second == first
    assert case is not None
    assert (set(case.delete_ids), case.topic_id, case.version) == ({7, 8}, 5, 2)


async def test_a_stranger_who_speaks_while_being_freed_is_looked_at_again(desk: Desk) -> None:
    """What was wanted is decided anew."""
    (case_id,) = await desk.commit(desk.opening())
    await desk.commit(Want((case_id,), Wanted.FREE, Cause.JOINED_CHANNEL), desk.opening())

    case = await desk.ledger.lease(case_id)
    assert case is not None
    assert case.wanted is Wanted.CHECK


async def test_a_message_younger_than_the_mute_says_that_it_is_not_in_force(desk: Desk) -> None:
    """By more than the clocks may differ; an older one was on its way."""
    case = await desk.leased()
    await desk.ledger.did(case, Done.MUTED)
    await desk.commit(desk.opening(sent_at=desk.now() - timedelta(seconds=5)))
    before = await desk.ledger.lease(case.case_id)
    await desk.commit(desk.opening(sent_at=desk.now() + timedelta(seconds=30)))
    after = await desk.ledger.lease(case.case_id)

    assert before is not None
    assert after is not None
    assert (before.done, before.wanted) == (Done.MUTED, Wanted.MUTE)
    assert (after.done, after.wanted) == (Done.MUTING, Wanted.CHECK)


async def test_where_nothing_is_gated_no_case_is_opened(desk: Desk) -> None:
    """Not behind `/unprotect`, not while paused."""
    await desk.groups.pause(BOT, GROUP, "rights_lost", was=None, free=False)
    assert await desk.commit(desk.opening()) == ()
    await desk.groups.resume(BOT, GROUP, was="rights_lost")
    await desk.groups.unprotect(BOT, GROUP, ADMIN)

    assert await desk.commit(desk.opening()) == ()


async def test_where_nothing_is_gated_nobody_is_wanted_mute(desk: Desk) -> None:
    """An instance that has not heard of `/unprotect` finds an absence, of a case that came up again since."""
    case = await desk.leased()
    gated = await desk.ledger.want(case, Wanted.MUTE)
    await desk.groups.unprotect(BOT, GROUP, ADMIN)
    await desk.commit(Want((case.case_id,), Wanted.CHECK, Cause.JOINED_CHANNEL))
    again = await desk.ledger.lease(case.case_id)
    assert again is not None
    ungated = await desk.ledger.want(again, Wanted.MUTE)

    assert gated is not None
    assert gated.wanted is Wanted.MUTE
    assert ungated is not None
    assert ungated.wanted is Wanted.FREE


async def test_unprotecting_frees_all_and_only_here(desk: Desk) -> None:
    """Every open case of the group is wanted free."""
    first = await desk.leased()
    await desk.leased(UserId(4))
    freed = await desk.groups.unprotect(BOT, GROUP, ADMIN)
    case = await desk.ledger.lease(first.case_id)

    assert freed is not None
    assert len(freed) == 2
    assert case is not None
    assert case.wanted is Wanted.FREE
    assert await desk.groups.unprotect(BOT, GROUP, ADMIN) is None


async def test_a_group_that_was_protected_again_before_its_move_is_left_behind(desk: Desk) -> None:
    """Nothing can be done in a group that is no more: its cases would be tried for ever."""
    new = GroupId(-1009)
    case = await desk.leased()
    await desk.groups.protect(replace(SETUP, group_id=new))
    there = (await desk.commit(desk.opening(group_id=new)))[0]

    assert await desk.groups.move(BOT, GROUP, new) == ()
    assert await desk.ledger.lease(case.case_id) is None
    assert await desk.ledger.lease(there) is not None
    assert await desk.commit(desk.opening()) == ()


async def test_prompts_and_deleted_messages_are_noted(desk: Desk) -> None:
    """And a prompt is found by its message, while its case is open."""
    case = await desk.leased(delete_ids=(MessageId(7), MessageId(8)))
    await desk.ledger.deleted(case, (MessageId(7),))
    after = await desk.ledger.prompted(case, PromptState.SENT, message=MessageId(50), channels=(NEWS,))

    assert after is not None
    assert (after.delete_ids, after.prompt_message_id, after.prompt_channels) == ((8,), 50, (NEWS,))
    assert await desk.ledger.prompt_stands(BOT, GROUP, MessageId(50))
    assert not await desk.ledger.prompt_stands(BOT, GROUP, MessageId(51))
    assert not await desk.ledger.prompt_stands(OTHER_BOT, GROUP, MessageId(50))


async def test_while_a_prompt_is_sent_any_message_may_be_it(desk: Desk) -> None:
    """Somebody may press it before its number is noted; nobody then takes it for one that a crash left."""
    case = await desk.leased()
    await desk.ledger.prompted(case, PromptState.SENDING)
    sending = await desk.ledger.prompt_stands(BOT, GROUP, MessageId(50))
    elsewhere = await desk.ledger.prompt_stands(OTHER_BOT, GROUP, MessageId(50))
    await desk.ledger.prompted(case, PromptState.SENT, message=MessageId(51))

    assert sending
    assert not elsewhere
    assert not await desk.ledger.prompt_stands(BOT, GROUP, MessageId(50))


async def test_a_row_remembers_a_bounded_number_of_messages(desk: Desk) -> None:
    """What does not fit is deleted apart where the absence is certain, and stays in the group where it is not."""
    first = tuple(MessageId(number) for number in range(1000, 1999))
    case = await desk.leased(delete_ids=first)
    for number in (1, 2):
        await desk.commit(desk.opening(delete_ids=(MessageId(number),)))
    undecided = await desk.scheduled()
    await desk.ledger.did(case, Done.MUTED)
    await desk.commit(desk.opening(delete_ids=(MessageId(400),), sent_at=desk.now()))
    again = await desk.ledger.lease(case.case_id)

    assert again is not None
    assert set(again.delete_ids) == {1, *first}
    assert undecided == set()
    assert await desk.scheduled() == {400}


async def test_cases_are_found_by_user_channel_and_group(desk: Desk) -> None:
    """For the groups that require the channel; and counted while they keep somebody silent."""
    case = await desk.leased()

    assert await desk.ledger.of_user(BOT, USER, NEWS) == [(case.case_id, GROUP)]
    assert await desk.ledger.of_user(BOT, UserId(4), NEWS) == []
    assert await desk.ledger.open_case(BOT, GROUP, USER) == case.case_id
    assert await desk.ledger.open_case(OTHER_BOT, GROUP, USER) is None
    assert await desk.ledger.count_open(BOT, GROUP) == 0
    await desk.ledger.did(case, Done.MUTED)
    assert await desk.ledger.count_open(BOT, GROUP) == 1


async def test_who_leaves_a_channel_is_looked_at_where_they_were_seen(desk: Desk) -> None:
    """An open case is decided again; a group that never saw them is not asked."""
    unseen = await desk.commit(Regate(BOT, USER, NEWS, "Sam"))
    await desk.activity.seen([(BOT, GROUP, USER, desk.now())])
    (opened,) = await desk.commit(Regate(BOT, USER, NEWS, "Sam"))
    first = await desk.ledger.lease(opened)
    again = await desk.commit(Regate(BOT, USER, BLOG, "Sam"))
    second = await desk.ledger.lease(opened)

    assert unseen == ()
    assert first is not None
    assert second is not None
    assert first.wanted is Wanted.MUTE
    assert again == (opened,)
    assert second.wanted is Wanted.CHECK


async def test_a_moderator_s_restriction_becomes_the_prior_one(desk: Desk) -> None:
    """If it lets the member write, the mute is looked at again; a mute of theirs stands as it is."""
    case = await desk.leased()
    await desk.ledger.did(case, Done.MUTED)
    await desk.commit(Moderated(BOT, GROUP, USER, Prior(frozenset(), None)))
    silenced = await desk.ledger.lease(case.case_id)
    await desk.commit(Moderated(BOT, GROUP, USER, _PRIOR))
    loosened = await desk.ledger.lease(case.case_id)
    await desk.commit(Moderated(BOT, GROUP, USER, None))
    freed = await desk.ledger.lease(case.case_id)

    assert silenced is not None
    assert loosened is not None
    assert freed is not None
    assert (silenced.done, silenced.prior) == (Done.MUTED, Prior(frozenset(), None))
    assert (loosened.done, loosened.wanted, loosened.prior) == (Done.MUTING, Wanted.CHECK, _PRIOR)
    assert (freed.wanted, freed.prior) == (Wanted.FREE, None)


async def test_who_goes_takes_the_prompt_along_and_nothing_else(desk: Desk) -> None:
    """A resting case rests on; a due one stays due: it may hold somebody who has joined the channels."""
    case = await desk.leased()
    shown = await desk.ledger.prompted(case, PromptState.SENT, message=MessageId(50))
    assert shown is not None
    assert await desk.ledger.rest(shown, wake_at=None)
    await desk.commit(WentAway(BOT, GROUP, USER))
    assert await desk.ledger.due(10) == []
    other = await desk.leased(UserId(4))
    await desk.ledger.prompted(other, PromptState.SENT, message=MessageId(51))
    await desk.commit(WentAway(BOT, GROUP, UserId(4)))
    await desk.pass_time(3.5)

    assert await desk.ledger.due(10) == [(other.bot_id, other.case_id)]
    after = await desk.ledger.lease(case.case_id)
    assert after is not None
    assert (after.prompt_state, after.prompt_message_id, after.wanted) == (PromptState.GONE, None, Wanted.CHECK)


async def test_a_mute_that_lands_after_its_case_is_taken_up_again(desk: Desk) -> None:
    """The call had been given up as unanswered, and was carried out after all."""
    until = desk.now().replace(microsecond=0) + timedelta(days=250)
    case = await desk.leased()
    prepared = await desk.ledger.muting(case, prior=_PRIOR, until=until)
    assert prepared is not None
    assert await desk.ledger.close(prepared, outcome="unknown")

    woken = await desk.commit(Echo(BOT, GROUP, USER, until))
    again = await desk.ledger.lease(case.case_id)

    assert woken == (case.case_id,)
    assert again is not None
    assert (again.done, again.wanted, again.prior) == (Done.MUTING, Wanted.CHECK, _PRIOR)
    assert await desk.commit(Echo(BOT, GROUP, USER, until + timedelta(seconds=1))) == ()


async def test_a_mute_that_lands_where_only_messages_go_is_looked_at(desk: Desk) -> None:
    """The gate was loosened after the call had been given up: its case muted nobody any more."""
    until = desk.now().replace(microsecond=0) + timedelta(days=250)
    prepared = await desk.ledger.muting(await desk.leased(), prior=None, until=until)
    assert prepared is not None
    lifted = await desk.ledger.lifted(prepared)
    assert lifted is not None
    assert await desk.ledger.did(lifted, Done.NOTICED) is not None

    assert await desk.commit(Echo(BOT, GROUP, USER, until)) == (lifted.case_id,)
    again = await desk.ledger.lease(lifted.case_id)
    assert again is not None
    assert again.done is Done.MUTING


async def test_of_two_mutes_each_echo_finds_a_case(desk: Desk) -> None:
    """A later case takes the first one's mute over, and its own is not forgotten for that."""
    first, second = (desk.now().replace(microsecond=0) + timedelta(days=days) for days in (250, 260))
    before = await desk.leased()
    prepared = await desk.ledger.muting(before, prior=_PRIOR, until=first)
    assert prepared is not None
    assert await desk.ledger.close(prepared, outcome="freed")
    later = await desk.ledger.muting(await desk.leased(), prior=None, until=second)
    assert later is not None

    assert await desk.commit(Echo(BOT, GROUP, USER, first)) == (later.case_id,)
    adopted = await desk.ledger.lease(later.case_id)
    assert adopted is not None
    assert (adopted.our_until, adopted.prior) == (first, _PRIOR)
    assert await desk.ledger.close(adopted, outcome="silent_already")
    assert await desk.commit(Echo(BOT, GROUP, USER, second)) == (before.case_id,)
    reopened = await desk.ledger.lease(before.case_id)
    assert reopened is not None
    assert (reopened.our_until, reopened.prior) == (second, None)


async def test_a_bot_does_not_see_another_s_cases(desk: Desk) -> None:
    """Everything is scoped by bot."""
    await desk.commit(desk.opening())

    assert await desk.commit(Moderated(OTHER_BOT, GROUP, USER, None)) == ()
    assert await desk.commit(desk.opening(bot_id=OTHER_BOT, enforcement=Enforcement.MUTE)) == ()
    assert await desk.ledger.of_user(OTHER_BOT, USER, NEWS) == []
