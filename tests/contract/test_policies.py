"""What admins choose, in memory and in PostgreSQL: written, read back, and applied to open cases."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.event import Cause
from bot.domain.group import Exemption, ProtectedGroup
from bot.domain.ids import ChannelId, MessageId, UserId
from bot.domain.intent import Arrived, Observe, Pardon, Regate, Remove
from bot.domain.policy import Enforcement, Locked, Policy, Presence, changes
from bot.domain.restriction import Done, Wanted
from tests.contract.desk import ADMIN, BOT, GROUP, NEWS, SETUP, USER, Desk

OTHER = UserId(4)


async def group(desk: Desk) -> ProtectedGroup:
    """Read the group as an instance does."""
    _, (found,) = await desk.groups.changed_since(-1)
    return found


async def test_a_policy_is_kept_and_outlives_another_protect(desk: Desk) -> None:
    """Choosing other channels chooses nothing else."""
    policy = Policy(enforcement=Enforcement.KICK, kick_minutes=30, locked=Locked.ALL)
    await desk.groups.set_policy(BOT, GROUP, changes(Policy(), policy), ADMIN)
    first = await group(desk)
    await desk.groups.protect(replace(SETUP, channels=SETUP.channels[:1]))
    again = await group(desk)

    assert first.policy == again.policy == policy
    assert again.enforcement is Enforcement.KICK
    assert again.protected_since == first.protected_since


async def test_two_admins_change_two_settings(desk: Desk) -> None:
    """Each as they saw the panel: neither undoes what the other has chosen."""
    await desk.groups.set_policy(BOT, GROUP, {"edits": "ignore"}, ADMIN)
    await desk.groups.set_policy(BOT, GROUP, {"commands": "answer"}, ADMIN)

    found = await group(desk)

    assert changes(Policy(), found.policy) == {"edits": "ignore", "commands": "answer"}


async def test_a_basic_group_does_what_it_can(desk: Desk) -> None:
    """What was chosen is kept for the day on which it becomes a supergroup."""
    await desk.groups.protect(replace(SETUP, basic_group=True))
    await desk.groups.set_policy(BOT, GROUP, {"enforcement": "kick"}, ADMIN)

    found = await group(desk)

    assert found.enforcement is Enforcement.DELETE
    assert found.policy.enforcement is Enforcement.KICK


async def test_a_change_reaches_open_cases(desk: Desk) -> None:
    """They carry what may be done, and are looked at again; a gate that observes holds nobody."""
    case = await desk.leased()
    assert await desk.groups.set_policy(BOT, GROUP, {"kick_minutes": "5"}, ADMIN) == ()
    woken = await desk.groups.set_policy(BOT, GROUP, {"enforcement": "delete"}, ADMIN)
    deleting = await desk.ledger.lease(case.case_id)
    await desk.groups.set_policy(BOT, GROUP, {"enforcement": "observe"}, ADMIN)
    observing = await desk.ledger.lease(case.case_id)

    assert woken == (case.case_id,)
    assert deleting is not None
    assert (deleting.enforcement, deleting.wanted) == (Enforcement.DELETE, Wanted.CHECK)
    assert observing is not None
    assert (observing.enforcement, observing.wanted) == (Enforcement.OBSERVE, Wanted.FREE)


async def test_a_case_goes_by_the_settings_that_are_committed(desk: Desk) -> None:
    """Whatever the instance that opens it had heard of them."""
    await desk.groups.set_policy(BOT, GROUP, {"enforcement": "observe"}, ADMIN)

    case = await desk.leased(enforcement=Enforcement.MUTE)

    assert case.enforcement is Enforcement.OBSERVE
    assert case.delete_ids == ()


async def test_whoever_is_exempt_is_freed_and_has_no_case(desk: Desk) -> None:
    """Until it is taken back."""
    case = await desk.leased()
    assert await desk.groups.exempt(BOT, GROUP, Exemption(USER, "Sam"), ADMIN) == (case.case_id,)
    freed = await desk.ledger.lease(case.case_id)
    assert freed is not None
    assert freed.wanted is Wanted.FREE
    await desk.ledger.close(freed, outcome="freed")

    assert await desk.commit(desk.opening()) == ()
    assert (await group(desk)).exempt == {USER}
    assert list(await desk.groups.exemptions(BOT, GROUP, 5)) == [Exemption(USER, "Sam")]
    assert await desk.groups.unexempt(BOT, GROUP, USER, ADMIN)
    assert not await desk.groups.unexempt(BOT, GROUP, USER, ADMIN)
    assert len(await desk.commit(desk.opening())) == 1


async def test_a_pardon_is_for_our_mute_only(desk: Desk) -> None:
    """It is recognised by its end."""
    case = await desk.leased()
    until = desk.now() + timedelta(days=300)
    muting = await desk.ledger.muting(case, prior=None, until=until)
    assert muting is not None
    await desk.ledger.did(muting, Done.MUTED)

    await desk.commit(Pardon(BOT, GROUP, USER, until + timedelta(seconds=1), ADMIN))
    assert (await group(desk)).exempt == frozenset()
    await desk.commit(Pardon(BOT, GROUP, USER, until, ADMIN))

    assert (await group(desk)).exempt == {USER}


async def test_leaving_a_channel_concerns_whom_the_policy_says(desk: Desk) -> None:
    """Nobody exempt, and nobody where it is without consequence."""
    await desk.activity.seen([(BOT, GROUP, USER, desk.now()), (BOT, GROUP, OTHER, desk.now())])
    await desk.groups.exempt(BOT, GROUP, Exemption(USER, "Sam"), ADMIN)
    assert await desk.commit(Regate(BOT, USER, NEWS, "Sam")) == ()
    await desk.groups.set_policy(BOT, GROUP, {"on_leave": "nothing"}, ADMIN)
    assert await desk.commit(Regate(BOT, OTHER, NEWS, "Olga")) == ()
    await desk.groups.set_policy(BOT, GROUP, {"on_leave": "regate"}, ADMIN)

    assert len(await desk.commit(Regate(BOT, OTHER, NEWS, "Olga"))) == 1


async def test_who_came_and_who_wrote_is_known(desk: Desk) -> None:
    """The first time one came, and the last time one wrote as a member."""
    assert await desk.activity.presence(BOT, GROUP, USER) == Presence()
    await desk.commit(Arrived(BOT, GROUP, USER))
    first = await desk.activity.presence(BOT, GROUP, USER)
    await desk.commit(Arrived(BOT, GROUP, USER))
    await desk.activity.seen([(BOT, GROUP, USER, desk.now())])
    last = await desk.activity.presence(BOT, GROUP, USER)

    assert first.joined_at is not None
    assert first.passed_at is None
    assert last.joined_at == first.joined_at
    assert last.passed_at is not None


async def test_a_report_counts_people(desk: Desk) -> None:
    """However often they were observed, in groups that observe."""
    await desk.groups.set_policy(BOT, GROUP, {"enforcement": "observe"}, ADMIN)
    for _ in range(3):
        await desk.commit(Observe(BOT, GROUP, USER, "Sam", Cause.MESSAGE, (ChannelId(NEWS),)))
    case = await desk.leased(OTHER, user_name="Olga")
    await desk.ledger.close(case, outcome="observed")

    observed = await desk.groups.observed(BOT, GROUP, desk.now() - timedelta(days=1))

    assert observed.count == 2
    assert set(observed.names) == {"Sam", "Olga"}


async def test_the_end_of_a_ban_is_committed_by_the_holder_only(desk: Desk) -> None:
    """Not once the case has changed, and not by another instance."""
    case = await desk.leased()

    until = await desk.ledger.kicking(case)

    assert until is not None
    assert abs(until - desk.now() - timedelta(minutes=5)) < timedelta(seconds=30)
    assert until.microsecond == 0
    assert await desk.rival.kicking(case) is None
    await desk.groups.exempt(BOT, GROUP, Exemption(USER, "Sam"), ADMIN)
    assert await desk.ledger.kicking(case) is None


async def test_the_time_until_a_kick_counts_from_the_change(desk: Desk) -> None:
    """Who has been muted for long is not removed the moment that a group begins to remove people."""
    case = await desk.leased()
    muted = await desk.ledger.did(case, Done.MUTED)
    assert muted is not None
    assert muted.kick_from is None
    await desk.groups.set_policy(BOT, GROUP, {"enforcement": "kick"}, ADMIN)
    changed = await desk.ledger.lease(case.case_id)
    assert changed is not None
    assert changed.kick_from is not None
    assert changed.done_at is not None
    assert changed.kick_from >= changed.done_at

    await desk.groups.set_policy(BOT, GROUP, {"require": "any"}, ADMIN)
    again = await desk.ledger.lease(case.case_id)

    assert again is not None
    assert again.kick_from == changed.kick_from


async def test_a_message_without_a_case_can_be_removed(desk: Desk) -> None:
    """It is scheduled, and wakes nobody."""
    assert await desk.commit(Remove(BOT, GROUP, MessageId(9))) == ()


async def test_a_language_outlives_another_protect(desk: Desk) -> None:
    """It is the group's, not that of whoever set it up last."""
    await desk.groups.set_language(BOT, GROUP, "de", ADMIN)
    await desk.groups.protect(SETUP)

    assert (await group(desk)).language == "de"
