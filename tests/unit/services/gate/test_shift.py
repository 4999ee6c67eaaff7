"""One lease holder's work on a case: every step, and everything that can come between two steps."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import (
    ChatMovedError,
    TelegramPausedError,
    TelegramRefusedError,
    TelegramUnavailableError,
)
from bot.domain.event import Cause
from bot.domain.ids import CaseId, GroupId, MessageId, UpdateId
from bot.domain.intent import Moderated, OpenCase, Want
from bot.domain.membership import Membership, Stamp
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role
from bot.domain.policy import Enforcement, OnUnknown, Policy
from bot.domain.restriction import PROMPT_LIFE, SHORTEST_MUTE, Case, Done, PromptState, Wanted
from tests.fakes.store import FakeLedger
from tests.kits.world import ADMIN, BOT, GROUP, INSIDERS, LOUNGE, NEWS, STRANGER, World

_AWAY = TelegramUnavailableError(method="x", description="away")
_REFUSED = TelegramRefusedError(method="x", description="not enough rights")
_NO_LINKS = ALL_PERMISSIONS - {"can_add_web_page_previews"}
_FREE = MemberState(Role.MEMBER)
_SILENCED = MemberState(Role.RESTRICTED, frozenset(), None)


def _once(world: World, name: str, act: Callable[[], Coroutine[object, object, object]]) -> list[str]:
    """Act once, just before a step of this name reaches Telegram or the ledger; return what was met."""
    done: list[str] = []

    async def hook(step: str) -> None:
        if step == name and not done:
            done.append(step)
            await act()

    world.telegram.hook = world.store.hook = hook
    return done


async def _muted(world: World) -> None:
    await world.speak(STRANGER, 7)
    await world.work()
    assert world.muted(STRANGER)


async def _freed(world: World) -> None:
    await world.join(STRANGER, NEWS, INSIDERS)
    await world.work()


# The way in and the way out


async def test_who_writes_without_a_pause_is_muted_all_the_same(world: World) -> None:
    """A message between any two steps changes the case each time; the mute comes nevertheless, and all of them go."""
    written: list[int] = []

    async def hook(step: str) -> None:
        if not world.muted(STRANGER) and step in {"membership", "member_state", "muting"} and len(written) < 20:
            written.append(100 + len(written))
            await world.commit(replace(opened, delete_ids=(MessageId(written[-1]),)))

    speaker = replace(world.speaker(STRANGER, 7), sent_at=world.clock.now())
    (said,) = (await world.doorkeeper.look(speaker))[1]
    assert isinstance(said, OpenCase)
    opened: OpenCase = said
    await world.commit(opened)
    world.telegram.hook = world.store.hook = hook
    await world.work()

    assert world.muted(STRANGER)
    assert len(written) < 10
    assert world.row().case.delete_ids == ()


async def test_a_stranger_is_muted_then_tidied_after_then_told(world: World) -> None:
    """The mute comes first: nothing can slip in behind the deletion. Then the case rests."""
    await world.speak(STRANGER, 7)
    await world.work()

    methods = [call[0] for call in world.telegram.calls if call[0] in {"mute", "delete_messages", "send"}]
    case = world.row().case
    assert methods == ["mute", "delete_messages", "send"]
    assert world.telegram.deleted == {7}
    assert (case.done, case.prompt_state, case.prompt_channels) == (Done.MUTED, PromptState.SENT, (NEWS, INSIDERS))
    assert world.row().due_at == world.clock.now() + PROMPT_LIFE
    assert world.row().lease_owner is None


async def test_a_mute_is_written_down_before_the_call(world: World) -> None:
    """Its end is known in advance, so that a crash leaves a mute that is recognised."""
    seen: list[tuple[Done, bool]] = []

    async def look() -> None:
        case = world.row().case
        seen.append((case.done, case.our_until is not None))

    _once(world, "mute", look)
    await _muted(world)

    assert seen == [(Done.MUTING, True)]
    assert world.telegram.state(GROUP, STRANGER).until == world.row().case.our_until


async def test_every_mute_has_a_second_question_to_telegram(world: World) -> None:
    """Asked after the intent is committed, about every channel that is not known as joined."""
    await _muted(world)

    asked = [call for call in world.telegram.calls if call[0] in {"membership", "mute"}]
    assert [call[0] for call in asked] == ["membership"] * 4 + ["mute"]


async def test_who_has_joined_is_freed_and_the_prompt_goes(world: World) -> None:
    """By the event alone; the case ends and nothing of it is left in the group."""
    await _muted(world)
    await _freed(world)

    assert world.telegram.state(GROUP, STRANGER) == _FREE
    assert world.telegram.standing() == []
    assert world.journal.closed == ["freed"]
    assert world.store.open_rows() == []


async def test_joining_one_of_two_channels_frees_nobody(world: World) -> None:
    """The other one is still missing, and the prompt says so."""
    await _muted(world)
    await world.join(STRANGER, NEWS)
    await world.work()

    assert world.muted(STRANGER)
    assert world.row().case.prompt_channels == (INSIDERS,)


async def test_an_earlier_restriction_comes_back_exactly(world: World) -> None:
    """Who could post no links before cannot afterwards, for as long as it was meant."""
    prior = Prior(_NO_LINKS, world.clock.now() + timedelta(days=3))
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.RESTRICTED, prior.permissions, prior.until)
    await _muted(world)
    await _freed(world)

    assert world.telegram.state(GROUP, STRANGER).restriction == prior


async def test_an_earlier_restriction_that_has_ended_does_not_come_back(world: World) -> None:
    """It would have been over by now."""
    until = world.clock.now() + timedelta(hours=1)
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.RESTRICTED, _NO_LINKS, until)
    await _muted(world)
    world.clock.advance(3600)
    await _freed(world)

    assert world.telegram.state(GROUP, STRANGER) == _FREE


# Nobody is muted without a proof


async def test_the_join_that_came_between_wins(world: World) -> None:
    """Between the first question and the second the stranger has joined: no mute."""

    async def join() -> None:
        world.telegram.in_channel[NEWS] = world.telegram.in_channel[INSIDERS] = {STRANGER}

    _once(world, "muting", join)
    await world.speak(STRANGER)
    await world.work()

    assert world.telegram.called("mute") == []
    assert world.journal.closed == ["passed"]


async def test_an_outage_between_the_questions_mutes_nobody(world: World) -> None:
    """The first answer alone is no proof any more."""

    async def fall_silent() -> None:
        world.telegram.silent = {NEWS, INSIDERS}

    _once(world, "muting", fall_silent)
    await world.speak(STRANGER)
    for _ in range(4):
        await world.work()
        world.clock.advance(5)

    assert world.telegram.called("mute") == []
    assert world.journal.closed == ["unknown"]


async def test_a_pause_between_the_questions_only_delays_the_mute(world: World) -> None:
    """The second question is asked again when Telegram answers again."""

    async def fall_silent() -> None:
        world.telegram.silent = {NEWS, INSIDERS}

    _once(world, "muting", fall_silent)
    await world.speak(STRANGER)
    await world.work()
    world.telegram.silent = set()
    world.clock.advance(2)
    await world.work()

    assert world.muted(STRANGER)
    assert len(world.telegram.called("mute")) == 1


async def test_pauses_between_the_questions_let_nobody_go(world: World) -> None:
    """However many Telegram asks for: the second question waits for the end of each, and nothing is asked anew."""
    pauses = iter(range(20))

    async def pause(step: str) -> None:
        if step == "membership" and world.row().case.done is Done.MUTING and next(pauses, None) is not None:
            raise TelegramPausedError(method="getChatMember", description="429", retry_after=2)

    await world.speak(STRANGER)
    world.telegram.hook = pause
    waits: list[float] = []
    while not world.muted(STRANGER) and not world.row().closed:
        await world.work()
        due = world.row().due_at or world.clock.now()
        waits.append((due - world.clock.now()).total_seconds())
        world.clock.advance(waits[-1])

    assert world.muted(STRANGER)
    # Both channels are asked about at once.
    assert len(waits) == 11
    assert all(2 <= wait < 2.5 for wait in waits[:-1])
    assert len(world.telegram.called("member_state")) == 1


async def test_who_may_have_joined_is_asked_about_right_after_a_pause(world: World) -> None:
    """Somebody muted waits no longer than Telegram asks for, and is not muted for longer by a doubt."""
    await _muted(world)
    world.telegram.in_channel[NEWS].add(STRANGER)
    world.telegram.in_channel[INSIDERS].add(STRANGER)
    world.telegram.fail("membership", *[TelegramPausedError(method="x", description="429", retry_after=2)] * 2)
    await world.commit(Want((world.row().case.case_id,), Wanted.CHECK, Cause.JOINED_CHANNEL))
    await world.work()
    due = world.row().due_at or world.clock.now()
    world.clock.advance((due - world.clock.now()).total_seconds())
    await world.work()

    assert not world.muted(STRANGER)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
async def test_an_admin_is_never_muted(world: World, role: Role) -> None:
    """Not even when the list of admins did not name them."""
    await world.speak(STRANGER)
    world.telegram.states[GROUP, STRANGER] = MemberState(role)
    await world.work()

    assert world.telegram.called("mute") == []
    assert world.journal.closed == ["exempt"]


async def test_who_is_silenced_by_somebody_else_is_left_alone(world: World) -> None:
    """Not muted twice, and so never freed by us."""
    world.telegram.states[GROUP, STRANGER] = _SILENCED
    await world.speak(STRANGER)
    await world.work()
    await _freed(world)

    assert world.telegram.state(GROUP, STRANGER) == _SILENCED
    assert world.journal.closed == ["silent_already"]


async def test_who_has_left_again_is_not_muted(world: World) -> None:
    """A stranger who came in without a word and went: nobody is there."""
    _, intents = await world.doorkeeper.look(replace(world.speaker(STRANGER), message_id=None))
    await world.commit(*intents)
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.LEFT, is_member=False)
    await world.work()

    assert world.telegram.called("mute") == []
    assert world.journal.closed == ["not_there"]


async def test_where_the_gate_was_opened_nobody_is_muted(world: World) -> None:
    """`/unprotect` between the message and the worker."""
    await world.speak(STRANGER)
    await world.configure(replace(LOUNGE, protected=False))
    await world.work()

    assert world.telegram.called("mute") == []
    assert world.store.open_rows() == []


@pytest.mark.parametrize("step", ["lease", "member_state", "muting", "membership", "mute", "did", "send", "prompted"])
async def test_whoever_joins_at_any_moment_ends_up_free(world: World, step: str) -> None:
    """Whatever the worker is about to do when the events arrive."""

    async def join() -> None:
        await world.join(STRANGER, NEWS, INSIDERS)

    await world.speak(STRANGER)
    acted = _once(world, step, join)
    await world.work()

    assert acted == [step]
    assert not world.muted(STRANGER)
    assert world.telegram.standing() == []
    assert world.store.open_rows() == []


@pytest.mark.parametrize("step", ["lease", "muting", "mute", "did", "send", "prompted", "rest"])
async def test_unprotecting_at_any_moment_frees(world: World, step: str) -> None:
    """The worker reads what is wanted again after every step."""

    async def unprotect() -> None:
        await world.setup.unprotect(BOT, GROUP, ADMIN)

    await world.speak(STRANGER)
    acted = _once(world, step, unprotect)
    await world.work()

    assert acted == [step]
    assert not world.muted(STRANGER)
    assert world.store.open_rows() == []


# Telegram does not answer, or says no


@pytest.mark.parametrize("method", ["mute", "delete_messages", "send", "member_state"])
async def test_without_an_answer_the_case_waits_and_goes_on(world: World, method: str) -> None:
    """Nothing is given up; after the pause the same step is tried again."""
    await world.speak(STRANGER)
    world.telegram.fail(method, _AWAY)
    await world.work()
    assert "unavailable" in {result for _, result in world.journal.effects}
    world.clock.advance(10)
    await world.work()

    assert world.muted(STRANGER)
    assert world.row().case.prompt_state is PromptState.SENT
    assert len(world.telegram.standing()) == 1


async def test_pauses_double_up_to_five_minutes(world: World) -> None:
    """An outage of hours costs twelve calls an hour, not thousands."""
    await world.speak(STRANGER)
    pauses: list[float] = []
    for _ in range(12):
        world.telegram.fail("member_state", _AWAY)
        await world.work()
        due = world.row().due_at
        assert due is not None
        pauses.append((due - world.clock.now()).total_seconds())
        world.clock.advance(pauses[-1])

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


async def test_pauses_stay_bounded_after_months(world: World) -> None:
    """However often a case was tried in vain, it is tried again in five minutes."""
    await world.speak(STRANGER)
    world.row().case = replace(world.row().case, attempts=5_000)
    world.telegram.fail("member_state", _AWAY)
    await world.work()

    due = world.row().due_at
    assert due is not None
    assert (due - world.clock.now()).total_seconds() == 300


async def test_telegram_s_own_pause_is_kept(world: World) -> None:
    """429 names the seconds to wait."""
    await world.speak(STRANGER)
    world.telegram.fail("mute", TelegramUnavailableError(method="x", description="429", retry_after=17))
    await world.work()

    due = world.row().due_at
    assert due is not None
    assert (due - world.clock.now()).total_seconds() == 17


async def test_a_mute_that_telegram_refuses_ends_the_case(world: World) -> None:
    """Without the right nobody is muted, and nothing pretends to be."""
    await world.speak(STRANGER)
    world.telegram.fail("mute", _REFUSED)
    await world.work()

    assert not world.muted(STRANGER)
    assert world.journal.closed == ["refused"]
    assert world.telegram.sent == {}


async def test_a_lift_that_telegram_refuses_is_not_given_up(world: World) -> None:
    """The bot lost the right: it frees when it has it again."""
    await _muted(world)
    world.telegram.fail("put_back", _REFUSED)
    await _freed(world)
    assert world.muted(STRANGER)

    world.clock.advance(601)
    await world.work()

    assert not world.muted(STRANGER)


async def test_a_lift_without_an_answer_is_tried_again(world: World) -> None:
    """Freedom is late, and comes."""
    await _muted(world)
    world.telegram.fail("put_back", _AWAY, _AWAY)
    await _freed(world)
    for _ in range(3):
        world.clock.advance(5)
        await world.work()

    assert not world.muted(STRANGER)


async def test_a_mute_without_an_answer_that_worked_is_not_imposed_twice(world: World) -> None:
    """The answer was lost, not the call: the mute is found and kept, with the right prior state."""
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.RESTRICTED, _NO_LINKS, None)

    async def lose_the_answer(name: str) -> None:
        if name == "after mute":
            world.telegram.hook = _nothing
            raise _AWAY

    await world.speak(STRANGER)
    world.telegram.hook = lose_the_answer
    await world.work()
    world.clock.advance(5)
    await world.work()
    assert world.muted(STRANGER)
    await _freed(world)

    assert len(world.telegram.called("mute")) == 1
    assert world.telegram.state(GROUP, STRANGER).restriction == Prior(_NO_LINKS, None)


async def test_a_group_that_became_a_supergroup_is_followed(world: World) -> None:
    """The refusal names the new id; the service message that says so may be lost."""
    new = GroupId(-100_500)
    await world.speak(STRANGER)
    world.telegram.fail("mute", ChatMovedError(method="restrictChatMember", new_id=new))
    await world.work()
    world.clock.advance(5)
    await world.work()

    assert [call[0] for call in world.telegram.called("mute")] == [GROUP, new]
    assert not world.telegram.state(new, STRANGER).may_send


async def test_a_prompt_that_telegram_refuses_is_not_repeated(world: World) -> None:
    """The bot may not write there; the mute stands and ends like any other."""
    await world.speak(STRANGER)
    world.telegram.fail("send", _REFUSED)
    await world.work()
    assert world.row().case.prompt_state is PromptState.FAILED
    await _freed(world)

    assert not world.muted(STRANGER)
    assert len(world.telegram.called("send")) == 1


async def test_one_message_that_cannot_be_deleted_does_not_keep_the_others(world: World) -> None:
    """Telegram refuses a whole batch for one of them."""
    for message in (7, 8, 9):
        await world.speak(STRANGER, message)
    world.telegram.fail("delete_messages", _REFUSED, _REFUSED)
    await world.work()

    assert world.telegram.deleted == {8, 9}
    assert world.row().case.delete_ids == ()
    assert world.muted(STRANGER)


async def test_a_flood_is_deleted_in_batches_of_a_hundred(world: World) -> None:
    """Which is what one call takes."""
    for message in range(1, 251):
        await world.speak(STRANGER, message)
    await world.work()

    sizes = [len(call[1]) for call in world.telegram.called("delete_messages") if isinstance(call[1], tuple)]
    assert sizes == [100, 100, 50]


# A doubt


async def test_a_check_without_an_answer_ends_without_a_trace(world: World) -> None:
    """By default the message stays."""
    await world.commit(_check(world, 7))
    world.telegram.silent = {NEWS, INSIDERS}
    await world.work()

    assert world.journal.closed == ["unknown"]
    assert world.telegram.deleted == set()


async def test_a_strict_group_s_message_is_removed_and_nobody_is_muted(world: World) -> None:
    """And the group hears why, once a minute."""
    await world.configure(replace(LOUNGE, policy=Policy(on_unknown=OnUnknown.HOLD)))
    world.telegram.silent = {NEWS, INSIDERS}
    for message in (7, 8):
        await world.commit(_check(world, message))
        await world.work()

    assert world.journal.closed == ["held", "held"]
    assert world.telegram.deleted >= {7, 8}
    assert world.telegram.called("mute") == []
    assert len(world.telegram.standing()) == 1


async def test_a_flood_that_cannot_be_checked_is_removed_in_batches(world: World) -> None:
    """Telegram takes a hundred messages in a call."""
    await world.configure(replace(LOUNGE, policy=Policy(on_unknown=OnUnknown.HOLD)))
    world.telegram.silent = {NEWS, INSIDERS}
    for message in range(1, 151):
        await world.commit(_check(world, message))
    await world.work()

    assert [len(call[1]) for call in world.telegram.called("delete_messages") if isinstance(call[1], tuple)] == [
        100,
        50,
    ]


async def test_nobody_is_freed_on_a_doubt(world: World) -> None:
    """Who was proven absent stays muted until Telegram says otherwise, and is asked about again."""
    await _muted(world)
    world.telegram.silent = {NEWS, INSIDERS}
    await world.commit(replace(_check(world, 8), wanted=Wanted.CHECK, sent_at=None))
    await world.work()
    assert world.muted(STRANGER)
    world.telegram.silent = set()
    world.telegram.in_channel[NEWS] = world.telegram.in_channel[INSIDERS] = {STRANGER}
    world.clock.advance(61)
    await world.work()

    assert not world.muted(STRANGER)


def _check(world: World, message: int) -> OpenCase:
    return OpenCase(
        bot_id=BOT,
        group_id=GROUP,
        user_id=STRANGER,
        user_name="Sam",
        language="en",
        enforcement=Enforcement.MUTE,
        wanted=Wanted.CHECK,
        delete_ids=(MessageId(message),),
        sent_at=world.clock.now(),
    )


# Others at the same case


async def test_a_lost_lease_ends_the_shift(world: World) -> None:
    """Another instance has taken over after a long pause: nothing more is called here."""

    async def take_over() -> None:
        world.clock.advance(4)
        assert await FakeLedger(world.store).lease(world.row().case.case_id) is not None

    await world.speak(STRANGER)
    _once(world, "mute", take_over)
    await world.shift().run(world.row().case.case_id)

    assert world.telegram.called("delete_messages") == []
    assert world.telegram.sent == {}
    assert world.row().lease_owner is not None


async def test_a_lease_is_renewed_before_a_call_that_may_outlast_it(world: World) -> None:
    """When slow questions came before."""
    renewed: list[str] = []

    async def slow(name: str) -> None:
        if name == "membership":
            world.clock.advance(0.7)
        if name == "renew":
            renewed.append(name)

    world.telegram.hook = world.store.hook = slow
    await world.speak(STRANGER)
    await world.work()

    assert renewed
    assert world.muted(STRANGER)


@pytest.mark.parametrize("step", ["mute", "delete_messages", "send"])
async def test_no_call_is_made_under_a_lease_that_is_over(world: World, step: str) -> None:
    """The clock of the database says so, before the call."""

    async def lose(name: str) -> None:
        if name == "renew":
            world.clock.advance(4)

    async def slow(name: str) -> None:
        world.clock.advance(1.1)
        await lose(name)

    await world.speak(STRANGER)
    world.telegram.hook = world.store.hook = slow
    await world.shift().run(world.row().case.case_id)

    assert world.telegram.called(step) == []


async def test_a_lease_counts_from_the_moment_it_was_asked_for(world: World) -> None:
    """PostgreSQL's answer took longer than the lease lasts: nothing is done under it."""
    lease = world.ledger.lease

    async def late(case_id: CaseId) -> Case | None:
        case = await lease(case_id)
        world.clock.advance(4)
        return case

    world.ledger.lease = late  # type: ignore[method-assign]  # the fake answers late
    await world.speak(STRANGER)
    await world.shift().run(world.row().case.case_id)

    assert world.telegram.called("mute") == []


async def test_messages_are_deleted_one_by_one_under_the_lease(world: World) -> None:
    """However long that takes: another instance that took the case over would begin again, and so would the next."""
    for message in range(1, 31):
        await world.speak(STRANGER, message)
    world.telegram.fail("delete_messages", _REFUSED)

    async def slow(name: str) -> None:
        if name == "delete_messages":
            world.clock.advance(0.2)
            assert await FakeLedger(world.store).lease(world.row().case.case_id) is None

    world.telegram.hook = slow
    await world.work()

    assert world.telegram.deleted == set(range(1, 31))


async def test_a_crash_after_the_mute_is_picked_up(world: World) -> None:
    """Another instance finds the mute in force, keeps it, and goes on to the prompt."""
    crashed = asyncio.CancelledError()

    async def crash() -> None:
        raise crashed

    await world.speak(STRANGER)
    _once(world, "did", crash)
    with pytest.raises(asyncio.CancelledError):
        await world.work()
    world.clock.advance(4)
    await world.work()

    assert len(world.telegram.called("mute")) == 1
    assert world.row().case.done is Done.MUTED
    assert len(world.telegram.standing()) == 1


async def test_a_moderator_who_frees_meanwhile_is_respected(world: World) -> None:
    """Between the look at the member and the mute."""

    async def free() -> None:
        await world.moderate(STRANGER, _FREE)

    world.telegram.states[GROUP, STRANGER] = MemberState(Role.RESTRICTED, _NO_LINKS, None)
    await world.speak(STRANGER)
    _once(world, "muting", free)
    await world.work()

    assert not world.muted(STRANGER)
    assert world.telegram.state(GROUP, STRANGER) == _FREE


async def test_a_moderator_s_restriction_replaces_what_is_given_back(world: World) -> None:
    """Imposed over our mute: on joining, the member is left with the moderator's."""
    theirs = MemberState(Role.RESTRICTED, _NO_LINKS, None)
    await _muted(world)
    await world.moderate(STRANGER, theirs)
    await world.work()
    assert world.muted(STRANGER)
    await _freed(world)

    assert world.telegram.state(GROUP, STRANGER) == theirs


async def test_a_moderator_s_mute_is_not_lifted_by_joining(world: World) -> None:
    """Somebody who is not us silenced the member; joining a channel is no answer to that."""
    await _muted(world)
    await world.moderate(STRANGER, _SILENCED)
    await _freed(world)

    assert world.telegram.state(GROUP, STRANGER) == _SILENCED
    assert world.telegram.called("put_back") == []


async def test_a_moderator_s_unmute_ends_the_case(world: World) -> None:
    """What a person decides holds until the next message."""
    await _muted(world)
    await world.moderate(STRANGER, _FREE)
    await world.work()

    assert world.store.open_rows() == []
    assert not world.muted(STRANGER)
    assert world.journal.closed == ["overruled"]


async def test_a_ban_ends_the_case_and_is_left_alone(world: World) -> None:
    """Nobody is un-banned by us."""
    banned = MemberState(Role.BANNED, is_member=False)
    await _muted(world)
    await world.moderate(STRANGER, banned)
    await _freed(world)

    assert world.telegram.state(GROUP, STRANGER) == banned
    assert world.telegram.called("put_back") == []


async def test_a_message_after_the_mute_says_that_it_is_not_in_force(world: World) -> None:
    """Somebody freed the member and no event told of it: the mute is imposed again."""
    await _muted(world)
    world.telegram.states[GROUP, STRANGER] = _FREE
    world.clock.advance(30)
    await world.speak(STRANGER, 8)
    await world.work()

    assert world.muted(STRANGER)
    assert world.telegram.deleted == {7, 8}
    assert len(world.telegram.called("mute")) == 2


async def test_a_mute_that_has_run_out_is_imposed_with_another_end(world: World) -> None:
    """Telegram reads an end in the past as "for ever": nobody would know that mute for ours, or lift it."""
    await _muted(world)
    world.clock.advance(timedelta(days=361).total_seconds())
    world.telegram.states[GROUP, STRANGER] = _FREE
    await world.speak(STRANGER, 8)
    await world.work()

    until = world.telegram.state(GROUP, STRANGER).until
    assert until is not None
    assert until - world.clock.now() >= SHORTEST_MUTE
    await _freed(world)
    assert not world.muted(STRANGER)


# Where nobody can be muted


async def test_in_a_basic_group_messages_go_and_nobody_is_muted(world: World) -> None:
    """With a prompt that says so, and an end when the user has joined."""
    await world.configure(replace(LOUNGE, basic_group=True))
    await world.speak(STRANGER, 7)
    await world.work()
    assert world.row().case.done is Done.NOTICED
    assert "removed" in world.telegram.standing()[0].text
    await _freed(world)

    assert world.telegram.called("mute") == []
    assert world.telegram.called("put_back") == []
    assert world.telegram.standing() == []


async def test_deleting_too_needs_a_second_absence_and_no_admin(world: World) -> None:
    """A message is as little to be lost as a voice."""
    await world.configure(replace(LOUNGE, basic_group=True))
    await world.speak(STRANGER, 7)
    world.telegram.in_channel[NEWS] = world.telegram.in_channel[INSIDERS] = {STRANGER}
    await world.work()
    world.telegram.in_channel[NEWS] = world.telegram.in_channel[INSIDERS] = set()
    world.cache.local.clear()
    world.cache.shared.entries.clear()
    await world.speak(STRANGER, 8)
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.ADMIN)
    await world.work()

    assert world.journal.closed == ["passed", "exempt"]
    assert world.telegram.deleted == set()


# Coming, going, coming back


async def test_who_leaves_takes_the_prompt_along(world: World) -> None:
    """It is scheduled for deletion; on coming back there is one again."""
    await _muted(world)
    ours = world.telegram.state(GROUP, STRANGER)
    gone = world.change(GROUP, STRANGER, replace(ours, is_member=False))
    await world.commit(*await world.events.in_group(gone))
    await world.work()
    assert len(world.store.deletions) == 1
    back = world.change(GROUP, STRANGER, ours)
    await world.commit(*await world.events.in_group(back))
    await world.work()

    assert world.row().case.prompt_state is PromptState.SENT
    assert len(world.telegram.called("send")) == 2
    assert len(world.telegram.called("mute")) == 1


async def test_who_leaves_a_channel_is_muted_in_the_groups_that_know_them(world: World) -> None:
    """Without a word, as soon as the event says so."""
    await world.join(STRANGER, NEWS, INSIDERS)
    await world.speak(STRANGER)
    await world.leave(STRANGER, NEWS)
    await world.work()

    assert world.muted(STRANGER)
    assert world.row().case.prompt_channels == (NEWS,)


async def test_who_comes_back_to_the_channel_at_once_is_not_muted(world: World) -> None:
    """A slip of the finger, undone before the worker looked."""
    await world.join(STRANGER, NEWS, INSIDERS)
    await world.speak(STRANGER)
    await world.leave(STRANGER, NEWS)
    await world.join(STRANGER, NEWS)
    await world.work()

    assert world.telegram.called("mute") == []
    assert not world.muted(STRANGER)


async def test_a_moderation_of_somebody_without_a_case_changes_nothing(world: World) -> None:
    """Moderators moderate; GMBot has no part in it."""
    assert await world.commit(Moderated(BOT, GROUP, STRANGER, _SILENCED.restriction)) == ()
    assert await world.cache.record(BOT, STRANGER, NEWS, Membership.ABSENT, Stamp(1, UpdateId(1)))


async def _nothing(_: str) -> None:
    """Do nothing."""
