"""Corners of the Bot API that no reported mistake has led to; openspec/specs/telegram-corners lists them all."""

import pytest

from bot.simulator import Hold
from tests.acceptance.kit import buttons, finished, from_bot, gated, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def test_a_prompt_for_a_topic_that_was_closed_stands_in_general(lounge: Lounge, platform: Platform) -> None:
    """The topic is closed between the message and its prompt; the bot may not write there, and says so elsewhere."""
    forum = lounge.sim.add_group("Forum", owner=lounge.owner, forum=True)
    lounge.sim.add_member(forum, lounge.bot)
    lounge.sim.promote(forum, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    lounge.sim.join(lounge.stranger, forum)
    topic = lounge.sim.add_topic(forum, "Off topic")
    lounge.sim.say(lounge.owner, forum, "/protect @gm_news")
    await lounge.until_said("Done.", forum)
    lounge.sim.faults.hold(Hold(kind="message", user=lounge.stranger.id))
    lounge.sim.say(lounge.stranger, forum, "hello", topic=topic)
    lounge.sim.close_topic(forum, topic)
    lounge.sim.faults.release()

    await eventually(lambda: bool(prompts(lounge, forum)), "a prompt")
    await finished(lounge, platform)

    assert [prompt.thread_id for prompt in prompts(lounge, forum)] == [None]
    assert lounge.muted(lounge.stranger, forum)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger, forum)
    await finished(lounge, platform)
    assert prompts(lounge, forum) == []


async def test_one_message_too_old_to_delete_does_not_keep_the_others(lounge: Lounge, platform: Platform) -> None:
    """Telegram refuses a call of many for one of them: an advert edited into an old message stays, the rest goes."""
    old = lounge.sim.say(lounge.stranger, lounge.group, "good morning")
    old.date -= 49 * 3600
    await lounge.protect(lounge.news)
    lounge.sim.faults.hold(Hold(kind="message", user=lounge.stranger.id))
    new = [lounge.sim.say(lounge.stranger, lounge.group, "an advert") for _ in range(2)]
    lounge.sim.edit(lounge.stranger, lounge.group, old, "an advert")
    lounge.sim.faults.release()
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)

    assert stands(lounge, old)
    assert not any(stands(lounge, message) for message in new)
    assert len(prompts(lounge)) == 1


async def test_of_many_who_are_added_at_once_people_are_gated(lounge: Lounge, platform: Platform) -> None:
    """One service message names them all, a bot and a member of the channel among them."""
    await lounge.protect(lounge.news)
    guests = [lounge.sim.add_user(name) for name in ("Gina", "Gus")]
    known, helper = lounge.sim.add_user("Kim"), lounge.sim.add_bot("helper_bot")
    lounge.sim.join(known, lounge.news)

    lounge.sim.add_members(lounge.group, [guests[0], helper, known, guests[1]], by=lounge.owner)
    for guest in guests:
        await lounge.until_muted(guest)
    await finished(lounge, platform)

    assert sorted(str(user) for user in restricted(lounge)) == sorted(str(guest.id) for guest in guests)
    assert len(prompts(lounge)) == 2


async def test_a_press_on_a_message_that_is_gone_still_frees(lounge: Lounge, platform: Platform) -> None:
    """An app can be late to notice: Telegram tells of such a message only its number, and of no date."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    lounge.sim.delete(lounge.owner, lounge.group, prompt)
    lounge.sim.faults.hold(Hold(kind="chat_member", user=lounge.stranger.id))
    lounge.sim.join(lounge.stranger, lounge.news)

    query = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")

    await lounge.until_free(lounge.stranger)
    await eventually(lambda: query.answer is not None, "an answer")
    assert query.answer is not None
    assert "You can write now" in (query.answer.text or "")


async def test_an_anonymous_admins_press_is_their_own(lounge: Lounge, platform: Platform) -> None:
    """Who hides behind the group shows who they are by a press, and is asked for nothing."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    lounge.sim.be_anonymous(lounge.group, lounge.owner)

    query = lounge.sim.press(lounge.owner, lounge.group, prompt, "v")

    await eventually(lambda: query.answer is not None, "an answer")
    await finished(lounge, platform)
    assert restricted(lounge) == [lounge.stranger.id]
    assert lounge.muted(lounge.stranger)


async def test_what_somebody_does_in_a_group_the_bot_has_left_is_nothing(lounge: Lounge, platform: Platform) -> None:
    """The last that is heard is that the bot itself was removed; the prompts of before need no answer."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.remove(lounge.group, lounge.bot)
    await finished(lounge, platform)
    before = len(from_bot(lounge))

    lounge.sim.say(lounge.member, lounge.group, "is it gone?")
    lounge.sim.join(lounge.sim.add_user("Nina"), lounge.group)
    await finished(lounge, platform)

    assert len(from_bot(lounge)) == before
    assert not await platform.fetch("SELECT 1 FROM dead_letters")


async def test_an_admin_who_never_started_the_bot_hears_in_the_group(lounge: Lounge, platform: Platform) -> None:
    """A bot cannot write first to who is known from updates only; what concerns the group is said there then."""
    await lounge.protect(lounge.news)
    lounge.sim.demote(lounge.news, lounge.bot)

    await lounge.until_said("no longer an admin of a channel")
    await finished(lounge, platform)

    refused = [call for call in lounge.calls("sendMessage") if call.status == 403]
    assert [call.params["chat_id"] for call in refused] == [lounge.owner.id]
    assert "startchannel" in str(buttons(from_bot(lounge)[-1])[0]["url"])
