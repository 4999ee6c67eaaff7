"""What a group's admins choose, seen from the chat: every policy, through a whole instance."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.simulator import Chat
from tests.acceptance.kit import choose, finished, gated, prompts, restricted, said, seen, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

_TOUCHING = (
    "restrictChatMember",
    "banChatMember",
    "deleteMessage",
    "deleteMessages",
    "approveChatJoinRequest",
    "declineChatJoinRequest",
)


def _linked(lounge: Lounge) -> Chat:
    """Make the group the discussion of a channel."""
    channel = lounge.sim.add_channel("Main", owner=lounge.owner)
    lounge.sim.link(channel, lounge.group)
    return channel


async def test_observing_touches_nobody_and_reports(lounge: Lounge, platform: Platform) -> None:
    """While a group is only observed no call restricts, removes or deletes; `/status` says whom it would have met."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "enforcement=observe", "on_unknown=hold", "channel_posts=remove")
    before = len(lounge.calls(*_TOUCHING))
    channel = lounge.sim.add_channel("Adverts", owner=lounge.stranger)

    messages = [await said(lounge, platform) for _ in range(3)]
    newcomer = lounge.sim.add_user("Nina")
    lounge.sim.join(newcomer, lounge.group)
    lounge.sim.say(lounge.stranger, lounge.group, "as a channel", as_channel=channel)
    lounge.sim.edit(lounge.stranger, lounge.group, messages[0], "edited")
    lounge.sim.leave(lounge.member, lounge.news)
    await finished(lounge, platform)
    lounge.sim.say(lounge.owner, lounge.group, "/status")
    await lounge.until_said("Observing only")

    assert len(lounge.calls(*_TOUCHING)) == before
    assert all(stands(lounge, message) for message in messages)
    assert "7 days: 2 (" in lounge.said()[-1]
    assert "Sam" in lounge.said()[-1]
    assert "Nina" in lounge.said()[-1]


async def test_a_gate_that_begins_to_observe_frees_whom_it_had_muted(lounge: Lounge, platform: Platform) -> None:
    """Nobody stays muted by a gate that mutes nobody, and their prompts go."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)

    await choose(lounge, platform, "enforcement=observe")

    assert not lounge.muted(lounge.stranger)
    assert prompts(lounge) == []


async def test_a_gate_that_only_removes_messages_mutes_nobody(lounge: Lounge, platform: Platform) -> None:
    """The message goes, the prompt says so, and whoever joins may write."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "enforcement=delete")

    message = await said(lounge, platform)

    assert not stands(lounge, message)
    assert not lounge.muted(lounge.stranger)
    assert "messages are removed" in (prompts(lounge)[-1].text or "")
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)
    assert prompts(lounge) == []
    assert stands(lounge, await said(lounge, platform))


async def test_a_stricter_and_a_milder_choice_reach_open_cases(lounge: Lounge, platform: Platform) -> None:
    """Who was muted is given their word back where only messages go, and muted again when that is chosen."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)

    await choose(lounge, platform, "enforcement=delete")
    assert not lounge.muted(lounge.stranger)
    await choose(lounge, platform, "enforcement=mute")
    assert lounge.muted(lounge.stranger)


async def muted(lounge: Lounge, platform: Platform) -> None:
    """Have the stranger speak, and wait for the mute and its prompt: the case then waits for the time to be over."""
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await eventually(lambda: bool(prompts(lounge)), "a prompt")
    # A case that is still at work would note its own time over the one that a test gives it.
    await platform.idle()
    await lounge.settled()


async def _overdue(platform: Platform) -> None:
    """Let the time of everybody who is muted be over."""
    await platform.fetch("UPDATE restrictions SET done_at = done_at - interval '1 hour', due_at = now() RETURNING 1")


async def test_who_does_not_join_in_time_is_removed_and_may_come_back(lounge: Lounge, platform: Platform) -> None:
    """Muted first, removed after the time is over, and the ban is ended by GMBot itself."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "enforcement=kick", "kick_minutes=5")
    await muted(lounge, platform)

    await _overdue(platform)
    await eventually(lambda: bool(lounge.calls("banChatMember")), "a removal")
    await finished(lounge, platform)
    until = lounge.calls("banChatMember")[0].params["until_date"]
    assert datetime.fromtimestamp(int(str(until)), UTC) < datetime.now(UTC) + timedelta(minutes=6)
    assert prompts(lounge) == []

    await platform.fetch("UPDATE scheduled_actions SET due_at = now() RETURNING 1")
    await eventually(lambda: lounge.sim.member(lounge.group, lounge.stranger).status == "left", "the ban is over")
    lounge.sim.join(lounge.stranger, lounge.news)
    lounge.sim.join(lounge.stranger, lounge.group)
    await finished(lounge, platform)
    assert not lounge.muted(lounge.stranger)


async def test_who_joins_in_time_is_not_removed(lounge: Lounge, platform: Platform) -> None:
    """Freed as ever; nothing is left that could remove them later."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "enforcement=kick")
    await muted(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)

    await _overdue(platform)
    await finished(lounge, platform)

    assert lounge.calls("banChatMember") == []


async def test_a_moderators_ban_outlives_the_end_of_ours(lounge: Lounge, platform: Platform) -> None:
    """Our ban is recognised by its end; the moderator's, which came after it, stays."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "enforcement=kick")
    await muted(lounge, platform)
    await _overdue(platform)
    await eventually(lambda: bool(lounge.calls("banChatMember")), "a removal")
    await finished(lounge, platform)
    lounge.sim.ban(lounge.group, lounge.stranger, by=lounge.owner)

    await platform.fetch("UPDATE scheduled_actions SET due_at = now() RETURNING 1")

    async def done() -> bool:
        return not await platform.fetch("SELECT 1 FROM scheduled_actions")

    await eventually(done, "the action is done")
    assert lounge.sim.member(lounge.group, lounge.stranger).status == "kicked"


async def test_any_of_the_channels_is_enough(lounge: Lounge, platform: Platform) -> None:
    """Where any channel will do, the first one joined frees, and leaving the other one changes nothing."""
    await lounge.protect(lounge.news, lounge.insiders)
    await choose(lounge, platform, "require=any")
    prompt = await gated(lounge, platform, lounge.stranger)

    assert "one of these" in (prompt.text or "")
    lounge.sim.join(lounge.stranger, lounge.insiders)
    await lounge.until_free(lounge.stranger)
    lounge.sim.leave(lounge.member, lounge.news)
    await finished(lounge, platform)
    lounge.sim.say(lounge.member, lounge.group, "still here")
    await finished(lounge, platform)
    assert not lounge.muted(lounge.member)
    assert restricted(lounge) == [lounge.stranger.id, lounge.stranger.id]


async def test_a_newcomer_has_a_time_of_grace(lounge: Lounge, platform: Platform) -> None:
    """Who comes in may write for a while, and is looked at when it is over without a word of theirs."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "grace_minutes=60")
    newcomer = lounge.sim.add_user("Nina")
    lounge.sim.join(newcomer, lounge.group)
    await lounge.settled()
    message = lounge.sim.say(newcomer, lounge.group, "hello")
    await lounge.settled()
    await platform.idle()
    assert stands(lounge, message)
    assert restricted(lounge) == []

    await platform.fetch("UPDATE group_members_seen SET joined_at = joined_at - interval '2 hours' RETURNING 1")
    await platform.fetch("UPDATE restrictions SET due_at = now() WHERE closed_at IS NULL RETURNING 1")

    await lounge.until_muted(newcomer)
    assert stands(lounge, message)


async def test_who_was_there_before_may_go_on_writing(lounge: Lounge, platform: Platform) -> None:
    """Existing members pass, newcomers and strangers who are in the discussion only from outside do not."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "grandfather=on")

    message = await said(lounge, platform)
    _linked(lounge)
    newcomer, outsider = lounge.sim.add_user("Nina"), lounge.sim.add_user("Otto")
    lounge.sim.join(newcomer, lounge.group)
    await lounge.until_muted(newcomer)
    advert = lounge.sim.comment(outsider, lounge.group, "an advert")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert not lounge.muted(lounge.stranger)
    assert not stands(lounge, advert)


async def test_leaving_the_channel_can_be_without_consequence(lounge: Lounge, platform: Platform) -> None:
    """Who has once written as a member goes on writing."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "on_leave=nothing")
    await seen(lounge, platform, lounge.member)

    lounge.sim.leave(lounge.member, lounge.news)
    await finished(lounge, platform)
    message = lounge.sim.say(lounge.member, lounge.group, "good evening")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert restricted(lounge) == []


async def test_a_moderators_unmute_is_an_exemption(lounge: Lounge, platform: Platform) -> None:
    """Whom a moderator gives their word back keeps it, in whatever channel they are not."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.stranger, permissions=True)
    await finished(lounge, platform)

    message = await said(lounge, platform)

    assert stands(lounge, message)
    assert not lounge.muted(lounge.stranger)
    assert prompts(lounge) == []


async def test_posts_as_a_channel_go_and_those_of_the_linked_one_stay(lounge: Lounge, platform: Platform) -> None:
    """A stranger's channel is removed by choice; the linked channel and anonymous admins always pass."""
    await lounge.protect(lounge.news)
    linked = _linked(lounge)
    adverts = lounge.sim.add_channel("Adverts", owner=lounge.stranger)
    before = lounge.sim.say(lounge.stranger, lounge.group, "as a channel", as_channel=adverts)
    await choose(lounge, platform, "channel_posts=remove")

    after = lounge.sim.say(lounge.stranger, lounge.group, "as a channel", as_channel=adverts)
    own = lounge.sim.say(lounge.owner, lounge.group, "as the channel", as_channel=linked)
    lounge.sim.be_anonymous(lounge.group, lounge.owner)
    anonymous = lounge.sim.say(lounge.owner, lounge.group, "as an admin")
    await eventually(lambda: not stands(lounge, after), "the post is removed")
    await finished(lounge, platform)

    assert stands(lounge, before)
    assert stands(lounge, own)
    assert stands(lounge, anonymous)
    assert restricted(lounge) == []


async def test_edits_can_be_left_alone(lounge: Lounge, platform: Platform) -> None:
    """Where edits are not judged, an old message may be changed by whoever is not in the channels."""
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "edits=ignore")

    lounge.sim.edit(lounge.stranger, lounge.group, message, "hello again")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert restricted(lounge) == []


async def test_bare_commands_can_be_answered(lounge: Lounge, platform: Platform) -> None:
    """A stranger's bare command is answered by choice; one with words behind it is a message like any other."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "commands=answer")

    command = await said(lounge, platform, "/help")
    await lounge.until_said("/verify")
    assert stands(lounge, command)
    advert = await said(lounge, platform, "/help buy this")
    await lounge.until_muted(lounge.stranger)

    assert not stands(lounge, advert)


async def test_protecting_again_keeps_the_policy(lounge: Lounge, platform: Platform) -> None:
    """Other channels are no reason to begin muting in a group that is only observed."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "enforcement=observe")
    await lounge.protect(lounge.insiders)

    message = await said(lounge, platform)

    assert stands(lounge, message)
    assert not lounge.muted(lounge.stranger)


async def test_a_setting_that_there_is_not_changes_nothing(lounge: Lounge, platform: Platform) -> None:
    """A mistyped line is named, and none of it takes effect."""
    await lounge.protect(lounge.news)

    await choose(lounge, platform, "enforcement=observe", "edits=never")

    assert "edits=never" in lounge.said()[-1]
    assert (await platform.fetch("SELECT policy FROM protected_groups"))[0]["policy"] == "{}"
