"""What moderators do stands: GMBot lifts what it imposed, and gives back what was there before."""

import time

import pytest

from bot.simulator import Fault, Hold
from tests.acceptance.kit import finished, gated, prompts, restricted
from tests.kits.platform import Lounge, Platform, eventually
from tests.kits.simulator import PERMISSIONS

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

TEXT_ONLY = {"can_send_messages": True}


async def test_lifting_sends_all_sixteen_permissions(lounge: Lounge, platform: Platform) -> None:
    """A permission that is left out counts as false and keeps somebody `restricted` for ever; none is left out."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)

    lift = lounge.calls("restrictChatMember")[-1]
    assert lift.params["permissions"] == dict.fromkeys(PERMISSIONS, True)
    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"


async def test_the_groups_own_limits_are_not_copied_into_a_lift(lounge: Lounge, platform: Platform) -> None:
    """A group without photos for anybody: whoever was freed is a plain member again, not one restricted for ever."""
    await lounge.protect(lounge.news)
    lounge.sim.set_permissions(lounge.group, can_send_photos=False)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    lounge.sim.set_permissions(lounge.group, can_send_photos=True)

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"


async def test_joining_the_channel_does_not_lift_a_moderators_mute(lounge: Lounge, platform: Platform) -> None:
    """Muted by a moderator first: GMBot has nothing to add and nothing to lift."""
    lounge.sim.restrict(lounge.group, lounge.stranger)
    await lounge.protect(lounge.news)
    lounge.sim.leave(lounge.stranger, lounge.group)
    lounge.sim.join(lounge.stranger, lounge.group)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)

    assert restricted(lounge) == []
    assert lounge.muted(lounge.stranger)


async def test_a_press_does_not_lift_a_moderators_mute(lounge: Lounge, platform: Platform) -> None:
    """The button frees nobody whom GMBot has not muted."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.member)
    await finished(lounge, platform)
    press = lounge.sim.press(lounge.member, lounge.group, prompt, "v")
    await finished(lounge, platform)

    assert press.answer is not None
    assert lounge.member.id not in restricted(lounge)
    assert lounge.muted(lounge.member)


async def test_a_restriction_from_before_comes_back_exactly(lounge: Lounge, platform: Platform) -> None:
    """Somebody whom a moderator had allowed text only, for a day, has exactly that after joining the channel."""
    end = int(time.time()) + 86_400
    lounge.sim.restrict(lounge.group, lounge.stranger, permissions=TEXT_ONLY, until=end)
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)

    member = lounge.sim.member(lounge.group, lounge.stranger)
    assert (member.status, member.until_date) == ("restricted", end)
    assert {name for name, allowed in member.permissions.items() if allowed} == {"can_send_messages"}


async def test_a_restriction_that_is_nearly_over_is_not_made_permanent(lounge: Lounge, platform: Platform) -> None:
    """Telegram reads an end less than 30 s ahead as "for ever": what is that short is not given back at all."""
    end = int(time.time()) + 33
    lounge.sim.restrict(lounge.group, lounge.stranger, permissions=TEXT_ONLY, until=end)
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"


async def test_a_moderators_mute_during_ours_outlives_it(lounge: Lounge, platform: Platform) -> None:
    """A moderator mutes somebody who is muted for the channel: joining the channel frees them of nothing."""
    end = int(time.time()) + 86_400
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.stranger, until=end)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)

    member = lounge.sim.member(lounge.group, lounge.stranger)
    assert (member.status, member.until_date, member.restricted_by) == ("restricted", end, lounge.owner.id)
    assert lounge.muted(lounge.stranger)


async def test_a_moderators_mute_just_before_the_join_outlives_it(lounge: Lounge, platform: Platform) -> None:
    """The moderator's mute and the join arrive together: the member's state is asked before anything is lifted."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)

    assert lounge.sim.member(lounge.group, lounge.stranger).restricted_by == lounge.owner.id
    assert lounge.muted(lounge.stranger)


async def test_a_press_does_not_overtake_a_moderators_mute(lounge: Lounge, platform: Platform) -> None:
    """The press arrives before the news of the moderator's mute: what is in force is asked, and not lifted."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    held = lounge.sim.faults.hold(Hold(kind="chat_member"))
    lounge.sim.restrict(lounge.group, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    press = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
    await eventually(lambda: press.answer is not None, "the press is answered")
    await platform.at_rest()
    lounge.sim.faults.release(held)
    await finished(lounge, platform)

    assert restricted(lounge) == [lounge.stranger.id]
    assert lounge.muted(lounge.stranger)


async def test_a_moderators_mute_after_ours_stands(lounge: Lounge, platform: Platform) -> None:
    """Freed for having joined, muted by a moderator, out of the channel and in again: the moderator's word holds."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)
    lounge.sim.restrict(lounge.group, lounge.stranger)
    lounge.sim.leave(lounge.stranger, lounge.news)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)

    assert lounge.sim.member(lounge.group, lounge.stranger).restricted_by == lounge.owner.id
    assert lounge.muted(lounge.stranger)


async def test_unprotect_leaves_moderators_mutes_alone(lounge: Lounge, platform: Platform) -> None:
    """/unprotect frees whom GMBot muted, and nobody else."""
    punished = lounge.sim.add_user("Paul")
    lounge.sim.join(punished, lounge.group)
    lounge.sim.restrict(lounge.group, punished)
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.say(lounge.owner, lounge.group, "/unprotect")
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)

    assert lounge.muted(punished)
    assert punished.id not in restricted(lounge)


async def test_a_moderator_who_frees_somebody_is_not_contradicted_by_the_prompt(
    lounge: Lounge, platform: Platform
) -> None:
    """A moderator lifts our mute by hand: the case is closed and the prompt goes; the next words are judged anew."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.stranger, permissions=True)
    await finished(lounge, platform)

    assert not lounge.muted(lounge.stranger)
    assert prompts(lounge) == []
    assert await platform.open_cases() == []


async def test_a_ban_is_not_lifted_by_joining_the_channel(lounge: Lounge, platform: Platform) -> None:
    """Banned while muted: joining the channel does not bring anybody back."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.ban(lounge.group, lounge.stranger)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)
    await eventually(lambda: prompts(lounge) == [], "the prompt is gone")

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "kicked"


async def test_our_own_mute_is_recognised_when_its_answer_is_lost(lounge: Lounge, platform: Platform) -> None:
    """The answer to the mute gets lost: the mute found there is ours, not a moderator's, and goes with the join."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="lose_answer", method="restrictChatMember"))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await eventually(lambda: prompts(lounge) != [], "the prompt, after the lost answer")
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"


async def test_our_mute_ends_by_itself_within_a_year(lounge: Lounge, platform: Platform) -> None:
    """Should GMBot be gone for good, nobody stays muted for ever."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)

    days = (lounge.sim.member(lounge.group, lounge.stranger).until_date - time.time()) / 86_400
    assert 199 < days < 361
