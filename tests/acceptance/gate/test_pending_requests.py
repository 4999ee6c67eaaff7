"""Requests to join a private channel, which count as having joined it for a while by a group's choice."""

import pytest

from bot.simulator import InviteLink, User
from tests.acceptance.kit import choose, finished, gated, prompts, said, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


@pytest.fixture
async def link(lounge: Lounge, platform: Platform) -> InviteLink:
    """Require the private channel, let requests to it count for an hour, and return the link by which one asks."""
    await lounge.protect(lounge.insiders)
    await choose(lounge, platform, "pending_minutes=60")
    return lounge.sim.invite_link(lounge.insiders, creates_join_request=True)


async def ask(lounge: Lounge, platform: Platform, link: InviteLink, user: User | None = None) -> None:
    """Have somebody ask to join the channel, and wait until all that follows is done."""
    lounge.sim.request_join(user or lounge.stranger, lounge.insiders, link=link)
    await finished(lounge, platform)


async def over(platform: Platform) -> None:
    """Let the hour go by."""
    await platform.fetch("UPDATE channel_requests SET asked_at = asked_at - interval '61 minutes' RETURNING 1")


async def test_who_has_asked_may_write(lounge: Lounge, platform: Platform, link: InviteLink) -> None:
    """Who was muted is freed by asking and the prompt goes; what they write then stays, and pressing says so."""
    prompt = await gated(lounge, platform, lounge.stranger)

    await ask(lounge, platform, link)
    message = await said(lounge, platform)

    assert not lounge.muted(lounge.stranger)
    assert prompts(lounge) == []
    assert stands(lounge, message)
    assert not stands(lounge, prompt)
    lounge.sim.say(lounge.owner, lounge.group, f"/status {lounge.stranger.id}")
    await lounge.until_said("has asked to join Insiders")
    lounge.sim.say(lounge.stranger, lounge.group, "/verify")
    await lounge.until_said("you can write")


async def test_a_request_counts_for_a_while_only(lounge: Lounge, platform: Platform, link: InviteLink) -> None:
    """When its time is over the next message is a stranger's, and asking again prolongs nothing."""
    await ask(lounge, platform, link)
    await over(platform)
    lounge.sim.decline(lounge.insiders, lounge.stranger)
    await ask(lounge, platform, link)

    message = await said(lounge, platform)

    assert not stands(lounge, message)
    assert lounge.muted(lounge.stranger)


async def test_a_request_ends_with_what_becomes_of_it(lounge: Lounge, platform: Platform, link: InviteLink) -> None:
    """Who was let in and has left again has no request any more."""
    await ask(lounge, platform, link)
    lounge.sim.approve(lounge.insiders, lounge.stranger)
    await finished(lounge, platform)
    assert stands(lounge, await said(lounge, platform))

    lounge.sim.leave(lounge.stranger, lounge.insiders)
    await finished(lounge, platform)

    assert lounge.muted(lounge.stranger)
    assert await platform.fetch("SELECT 1 FROM channel_requests") == []


async def test_requests_do_not_count_by_default(lounge: Lounge, platform: Platform, link: InviteLink) -> None:
    """Nothing is even remembered."""
    await choose(lounge, platform, "pending_minutes=0")
    await ask(lounge, platform, link)

    message = await said(lounge, platform)

    assert not stands(lounge, message)
    assert await platform.fetch("SELECT 1 FROM channel_requests") == []


async def test_one_request_does_not_make_up_for_another_channel(
    lounge: Lounge, platform: Platform, link: InviteLink
) -> None:
    """Only what is neither joined nor asked for is still missing."""
    await lounge.protect(lounge.news, lounge.insiders)
    await ask(lounge, platform, link)

    prompt = await gated(lounge, platform, lounge.stranger)

    assert "News" in (prompt.text or "")
    assert "Insiders" not in (prompt.text or "")


async def test_who_has_asked_is_let_into_the_group(lounge: Lounge, platform: Platform, link: InviteLink) -> None:
    """Where requests to the group are answered, asking to join the channel opens the door."""
    await choose(lounge, platform, "join_requests=approve")
    lounge.sim.configure(lounge.group, by=lounge.owner, join_by_request=True)
    newcomer = lounge.sim.add_user("Nina")
    lounge.sim.request_join(newcomer, lounge.group)
    await eventually(lambda: bool(lounge.sim.messages(lounge.sim.private_chat(newcomer, lounge.bot))), "a word")

    await ask(lounge, platform, link, newcomer)

    await eventually(lambda: lounge.sim.member(lounge.group, newcomer).is_member, "the door is open")
    await finished(lounge, platform)
    assert not lounge.muted(newcomer)


async def test_the_right_to_hear_of_requests_is_asked_for(lounge: Lounge, platform: Platform, link: InviteLink) -> None:
    """Without the right to invite Telegram tells of no request: `/status` and `/doctor` say where it is missing."""
    del link
    await choose(lounge, platform, "join_requests=approve")
    lounge.sim.promote(lounge.group, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    lounge.sim.promote(lounge.insiders, lounge.bot, can_post_messages=True)
    await finished(lounge, platform)

    lounge.sim.say(lounge.owner, lounge.group, "/status")
    await lounge.until_said("Invite users in Insiders")
    status = lounge.said()[-1]
    lounge.sim.say(lounge.owner, lounge.group, "/doctor")
    await lounge.until_said("⚠️ Invite users")
    doctor = lounge.said()[-1]

    assert "Give me the right Invite users: group info" in status
    assert "Invite users in Insiders" in doctor
    assert "The gate is open" not in doctor
