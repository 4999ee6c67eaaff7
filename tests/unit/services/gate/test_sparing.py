"""Policies at work in the services: who is looked at, who is spared, who is removed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.texts import Catalogs
from bot.domain.errors import TelegramPausedError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ChatInfo, Exemption
from bot.domain.ids import GroupId, MessageId, UserId
from bot.domain.intent import Arrived, Deletion, OpenCase, Pardon, Unban
from bot.domain.membership import Missing, Require
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, Role
from bot.domain.policy import ChannelPosts, Enforcement, OnLeave, OnUnknown, Policy
from bot.domain.restriction import Done, Wanted
from bot.services.gate.admission import Admission, Post
from bot.services.upkeep.actions import Actions
from tests.fakes.tables import FakeActions
from tests.kits.world import ADMIN, BOT, GROUP, INSIDERS, LOUNGE, MEMBER, NEWS, STRANGER, World

_KICK = Policy(enforcement=Enforcement.KICK, kick_minutes=5)
_OBSERVE = Policy(enforcement=Enforcement.OBSERVE, on_unknown=OnUnknown.HOLD, channel_posts=ChannelPosts.REMOVE)


async def under(world: World, policy: Policy, **changes: object) -> None:
    """Have the lounge go by a policy."""
    await world.configure(replace(LOUNGE, policy=policy, **changes))  # type: ignore[arg-type]  # names are the group's own


async def test_observing_stops_nobody_and_notes_them(world: World) -> None:
    """No case that could lead anywhere is opened for who is known to be absent."""
    await under(world, _OBSERVE)

    admission, intents = await world.doorkeeper.look(world.speaker(STRANGER))
    await world.commit(*intents)

    assert admission is Admission.ADMITTED
    assert not any(isinstance(intent, OpenCase) for intent in intents)
    assert world.store.observed == {(BOT, GROUP, STRANGER): f"User {STRANGER}"}


@pytest.mark.parametrize("silent", [False, True])
async def test_a_case_in_a_group_that_observes_touches_nobody(world: World, silent: bool) -> None:  # noqa: FBT001 - a table
    """A question that took too long becomes a case all the same; it ends in a note, or in nothing."""
    await under(world, _OBSERVE)
    world.telegram.silent = {NEWS, INSIDERS} if silent else set()
    speaker = world.speaker(STRANGER)
    await world.commit(
        OpenCase(
            BOT, GROUP, STRANGER, "Sam", "en", Enforcement.MUTE, Wanted.MUTE, (MessageId(7),), None, speaker.sent_at
        )
    )
    row = world.row()
    row.change(wanted=Wanted.CHECK)
    await world.work()

    touched = [call for call in world.telegram.calls if call[0] not in {"membership", "member_state"}]
    assert touched == []
    assert row.closed
    assert (row.outcome == "observed") is not silent


async def test_who_was_muted_is_freed_when_observing_begins(world: World) -> None:
    """With what a moderator had imposed before."""
    prior = Prior(ALL_PERMISSIONS - {"can_add_web_page_previews"}, None)
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.RESTRICTED, prior.permissions)
    await world.speak(STRANGER)
    await world.work()
    assert world.muted(STRANGER)

    await world.policies.choose(LOUNGE, _OBSERVE, ADMIN)
    await world.work()

    assert world.telegram.state(GROUP, STRANGER).restriction == prior
    assert world.telegram.standing() == []
    assert world.store.audit == [("set_policy", GROUP, ADMIN)]


async def muted(world: World) -> None:
    """Mute the stranger in a group that removes people."""
    await under(world, _KICK)
    await world.speak(STRANGER)
    await world.work()
    assert world.muted(STRANGER)


async def overdue(world: World) -> None:
    """Let the time to join be over."""
    world.clock.advance(301)
    await world.work()


async def test_who_does_not_join_in_time_is_removed(world: World) -> None:
    """With a ban whose end is written down before it begins, and no prompt left behind."""
    await muted(world)

    await overdue(world)

    assert world.telegram.state(GROUP, STRANGER).role is Role.BANNED
    assert [unban.until for unban in world.store.unbans] == [world.telegram.state(GROUP, STRANGER).until]
    assert world.row().outcome == "kicked"
    assert world.telegram.standing() == []


async def test_nobody_is_removed_on_a_doubt(world: World) -> None:
    """The absence is asked of Telegram once more; no answer proves nothing."""
    await muted(world)
    world.telegram.silent = {NEWS, INSIDERS}

    world.clock.advance(301)
    for _, case_id in await world.ledger.due(10):
        await world.shift().run(case_id)

    assert world.telegram.called("ban") == []


async def test_who_joined_without_an_event_is_freed_instead(world: World) -> None:
    """The second question finds out."""
    await muted(world)
    world.telegram.in_channel[NEWS].add(STRANGER)
    world.telegram.in_channel[INSIDERS].add(STRANGER)

    await overdue(world)

    assert world.telegram.called("ban") == []
    assert not world.muted(STRANGER)


async def test_a_moderators_restriction_is_not_wiped_out_by_a_removal(world: World) -> None:
    """Whoever has one stays, muted."""
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.RESTRICTED, ALL_PERMISSIONS - {"can_send_polls"})
    await muted(world)

    await overdue(world)

    assert world.telegram.called("ban") == []
    assert world.muted(STRANGER)


async def test_a_removal_that_is_refused_leaves_the_mute(world: World) -> None:
    """And is not tried for ever."""
    await muted(world)
    world.telegram.fail("ban", TelegramRefusedError(method="banChatMember", description="not enough rights"))

    await overdue(world)

    assert world.muted(STRANGER)
    assert not world.row().closed


async def test_a_removal_that_is_not_answered_is_tried_again(world: World) -> None:
    """Each try has an end of its own that is written down."""
    await muted(world)
    world.telegram.fail("ban", TelegramUnavailableError(method="banChatMember", description="away"))

    await overdue(world)
    await overdue(world)

    assert world.telegram.state(GROUP, STRANGER).role is Role.BANNED
    assert len(world.store.unbans) == 2


async def test_nobody_is_removed_under_a_lease_that_may_be_over(world: World) -> None:
    """The look before the ban took long: another instance may have the case by then."""
    await muted(world)

    async def slow(name: str) -> None:
        if name == "member_state":
            world.clock.advance(4)

    world.telegram.hook = slow
    world.clock.advance(301)
    ((_, case_id),) = await world.ledger.due(10)
    await world.shift().run(case_id)

    assert world.telegram.called("ban") == []
    assert world.store.unbans == []


async def test_who_left_is_not_removed(world: World) -> None:
    """A ban would meet somebody who is gone."""
    await muted(world)
    state = world.telegram.state(GROUP, STRANGER)
    world.telegram.states[GROUP, STRANGER] = replace(state, is_member=False)

    await overdue(world)

    assert world.telegram.called("ban") == []


@pytest.mark.parametrize(("shift", "role"), [(0, Role.LEFT), (7, Role.BANNED)])
async def test_only_a_ban_of_ours_is_ended(world: World, shift: int, role: Role) -> None:
    """It is recognised by its end."""
    end = world.clock.now() + timedelta(seconds=60)
    world.telegram.states[GROUP, STRANGER] = MemberState(
        Role.BANNED, until=end + timedelta(seconds=shift), is_member=False
    )
    actions = FakeActions(Unban(1, BOT, GROUP, STRANGER, end))

    await Actions(store=actions, telegram=world.telegram, ephemeral=world.telegram, clock=world.clock)._turn()  # noqa: SLF001 - one turn of its loop

    assert world.telegram.state(GROUP, STRANGER).role is role
    assert actions.finished == [1]


async def test_the_end_of_a_ban_survives_an_outage(world: World) -> None:
    """A refusal ends it: the ban ends by itself."""
    end = world.clock.now()
    actions = FakeActions(Unban(1, BOT, GROUP, STRANGER, end), Unban(2, BOT, GROUP, MEMBER, end))
    world.telegram.fail(
        "member_state",
        TelegramUnavailableError(method="getChatMember", description="away"),
        TelegramRefusedError(method="getChatMember", description="kicked"),
    )

    await Actions(store=actions, telegram=world.telegram, ephemeral=world.telegram, clock=world.clock)._turn()  # noqa: SLF001 - one turn of its loop

    assert [number for number, _ in actions.failures] == [1]
    assert actions.finished == [2]


async def test_a_newcomer_is_looked_at_when_their_time_is_over(world: World) -> None:
    """Without a word of theirs, and what they wrote meanwhile stays."""
    await under(world, Policy(grace_minutes=5))
    world.telegram.states[GROUP, STRANGER] = MemberState(Role.LEFT, is_member=False)
    await world.commit(*await world.events.in_group(world.change(GROUP, STRANGER, MemberState(Role.MEMBER))))
    await world.work()
    assert await world.speak(STRANGER) is Admission.ADMITTED
    await world.work()
    assert not world.muted(STRANGER)

    await overdue(world)

    assert world.muted(STRANGER)
    assert world.telegram.deleted == set()


async def test_a_question_that_took_too_long_spares_like_any_other(world: World) -> None:
    """The worker knows the same reasons as the doorkeeper, and forgets the messages it was to remove."""
    await under(world, Policy(grace_minutes=5))
    await world.commit(Arrived(BOT, GROUP, STRANGER))
    opening = OpenCase(BOT, GROUP, STRANGER, "Sam", "en", Enforcement.MUTE, Wanted.CHECK, (MessageId(7),))
    await world.commit(opening)

    await world.work()

    assert not world.muted(STRANGER)
    assert world.row().case.delete_ids == ()
    assert world.row().case.done is Done.NOTHING


async def test_who_was_there_before_is_asked_about_once(world: World) -> None:
    """The answer is kept, until the settings change or the user comes in anew."""
    await under(world, Policy(grandfather=True))
    for _ in range(3):
        assert await world.speak(STRANGER) is Admission.ADMITTED

    assert len(world.telegram.called("member_state")) == 1
    await under(world, Policy())
    assert await world.speak(STRANGER) is Admission.STOPPED


async def test_without_an_answer_about_the_group_the_worker_decides(world: World) -> None:
    """Nothing is removed on a guess."""
    await under(world, Policy(grandfather=True))
    world.telegram.fail("member_state", TelegramUnavailableError(method="getChatMember", description="away"))

    admission, intents = await world.doorkeeper.look(world.speaker(STRANGER))

    assert admission is Admission.ADMITTED
    assert [intent.wanted for intent in intents if isinstance(intent, OpenCase)] == [Wanted.CHECK]


async def test_leaving_without_consequence_opens_no_case(world: World) -> None:
    """Who has written as a member goes on writing; who never did is gated as ever."""
    await under(world, Policy(on_leave=OnLeave.NOTHING))
    await world.speak(MEMBER)
    await world.leave(MEMBER, NEWS)

    assert await world.speak(MEMBER) is Admission.ADMITTED
    assert await world.speak(STRANGER) is Admission.STOPPED
    assert [row.case.user_id for row in world.store.rows.values()] == [STRANGER]


async def test_somebody_exempt_is_freed_and_left_alone(world: World) -> None:
    """By command; taken back, they are asked for the channels again."""
    await world.speak(STRANGER)
    await world.work()
    await world.policies.exempt(BOT, GROUP, Exemption(STRANGER, "Sam"), ADMIN)
    await world.work()
    assert not world.muted(STRANGER)
    assert await world.speak(STRANGER) is Admission.ADMITTED
    assert await world.policies.exemptions(BOT, GROUP) == [Exemption(STRANGER, "Sam")]

    assert await world.policies.unexempt(BOT, GROUP, STRANGER, ADMIN)
    assert not await world.policies.unexempt(BOT, GROUP, STRANGER, ADMIN)

    assert await world.speak(STRANGER) is Admission.STOPPED


async def test_only_the_end_of_our_own_mute_is_a_pardon(world: World) -> None:
    """A moderator who lifts a colleague's mute exempts nobody."""
    await world.speak(STRANGER)
    await world.work()
    ours = world.telegram.state(GROUP, STRANGER).until
    assert ours is not None
    await world.commit(Pardon(BOT, GROUP, STRANGER, ours + timedelta(seconds=1), ADMIN))
    await world.directory.refresh()
    assert world.directory.group(BOT, GROUP) == LOUNGE

    await world.moderate(STRANGER, MemberState(Role.MEMBER))
    await world.directory.refresh()

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.exempt == {STRANGER}


async def test_a_post_of_a_strangers_channel_is_removed_by_choice(world: World) -> None:
    """The linked channel's, the required ones' and what Telegram forwards by itself stay; so does all in doubt."""
    await under(world, Policy(channel_posts=ChannelPosts.REMOVE))
    post, linked = Post(-3001, MessageId(7), automatic=False), Post(-3002, MessageId(8), automatic=False)
    assert await world.doorkeeper.look_at_post(BOT, GROUP, post) == (Admission.ADMITTED, ())
    world.telegram.chats[GROUP] = ChatInfo(GROUP, "supergroup", "Lounge", None, None, linked_id=-3002)

    admission, intents = await world.doorkeeper.look_at_post(BOT, GROUP, post)
    await world.commit(*intents)

    assert admission is Admission.STOPPED
    assert world.store.deletions == [Deletion(1, BOT, GROUP, MessageId(7))]
    for other in (linked, replace(post, automatic=True), replace(post, channel=NEWS), replace(post, channel=GROUP)):
        assert await world.doorkeeper.look_at_post(BOT, GROUP, other) == (Admission.ADMITTED, ())
    assert await world.doorkeeper.look_at_post(BOT, GroupId(-9), post) == (Admission.ADMITTED, ())
    assert len(world.telegram.called("chat")) == 2


async def test_a_report_is_for_groups_that_observe(world: World) -> None:
    """Any other has nothing to report."""
    assert await world.policies.observed(LOUNGE) is None
    await under(world, _OBSERVE)
    await world.speak(STRANGER)
    await world.speak(UserId(4))
    group = world.directory.group(BOT, GROUP)
    assert group is not None

    observed = await world.policies.observed(group)

    assert observed is not None
    assert observed.count == 2


async def test_a_case_that_a_milder_policy_reopens_is_judged_by_it_on_every_instance(
    world: World, texts: Catalogs
) -> None:
    """Another instance than the one that changed the policy takes the case up before it has heard of that."""
    elsewhere = World(texts, beside=world)
    await elsewhere.directory.refresh()
    await world.speak(STRANGER)
    await world.work()
    muted = world.muted(STRANGER)
    world.telegram.in_channel[NEWS] = {MEMBER, STRANGER}
    await world.policies.choose(LOUNGE, replace(LOUNGE.policy, require=Require.ANY), ADMIN)
    await elsewhere.work()

    assert muted
    assert not world.muted(STRANGER)


async def test_a_case_opened_after_a_change_is_judged_by_it_on_every_instance(world: World, texts: Catalogs) -> None:
    """Who speaks to an instance that has not heard of the new settings is gated by them all the same."""
    elsewhere = World(texts, beside=world)
    await elsewhere.directory.refresh()
    world.telegram.in_channel[NEWS] = {MEMBER, STRANGER}
    await world.policies.choose(LOUNGE, replace(LOUNGE.policy, require=Require.ANY), ADMIN)
    await elsewhere.speak(STRANGER)
    await elsewhere.work()

    assert not world.muted(STRANGER)
    assert world.row().outcome == "passed"


@pytest.mark.parametrize(("require", "is_enough"), [(Require.ALL, True), (Require.ANY, False)])
async def test_a_pause_matters_only_where_the_answers_do_not_do(
    world: World, require: Require, *, is_enough: bool
) -> None:
    """One absence is enough where all channels are required; where any will do, the paused question is waited for."""
    await under(world, Policy(require=require))
    group = world.directory.group(BOT, GROUP)
    assert group is not None
    pause = TelegramPausedError(method="x", description="429", retry_after=2)
    world.telegram.fail("membership", pause)

    try:
        verdict = (await world.judgement.after_a_pause(group, STRANGER))[0]
    except TelegramPausedError:
        assert not is_enough
    else:
        assert is_enough
        assert verdict == Missing((INSIDERS,))
