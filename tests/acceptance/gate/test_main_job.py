"""The main job: raw webhook JSON in, Bot API calls out."""

from collections import Counter

import pytest

from bot.simulator import Message, User
from tests.acceptance.kit import finished, seen
from tests.kits.platform import Lounge, Platform, add_group, buttons_of

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


def prompt_for(lounge: Lounge, user: User) -> Message:
    """Return the one prompt that names the user."""
    (prompt,) = lounge.prompts(user)
    return prompt


async def muted_with_prompt(lounge: Lounge, platform: Platform) -> Message:
    """Let the stranger speak and be muted; return the prompt."""
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await lounge.until_said("Sam")
    await platform.at_rest()
    return prompt_for(lounge, lounge.stranger)


async def test_a_stranger_is_muted_and_freed_the_moment_they_join(lounge: Lounge, platform: Platform) -> None:
    """A stranger speaks, is muted, sees what to join, and is free without a press as soon as they have joined."""
    await lounge.protect(lounge.news)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")

    await lounge.until_muted(lounge.stranger)
    await lounge.until_said("Sam")
    assert message.id not in {standing.id for standing in lounge.sim.messages(lounge.group)}

    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await platform.at_rest()

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"
    assert not any("Sam" in text for text in lounge.said())
    assert await platform.open_cases() == []


async def test_a_press_too_early_says_what_is_missing(lounge: Lounge, platform: Platform) -> None:
    """Who has not joined yet hears which channels are missing, and stays muted."""
    await lounge.protect(lounge.news, lounge.insiders)
    prompt = await muted_with_prompt(lounge, platform)

    query = lounge.sim.press(lounge.stranger, lounge.group, prompt.id, "v")
    await lounge.settled()

    assert query.answer is not None
    assert "News" in (query.answer.text or "")
    assert "Insiders" in (query.answer.text or "")
    assert lounge.muted(lounge.stranger)


async def test_a_press_frees_when_the_join_event_never_came(lounge: Lounge, platform: Platform) -> None:
    """The button asks Telegram anew, so it works although the channel's event was lost."""
    await lounge.protect(lounge.news)
    prompt = await muted_with_prompt(lounge, platform)
    lounge.sim.demote(lounge.news, lounge.bot, by=lounge.owner)
    lounge.sim.join(lounge.stranger, lounge.news)
    lounge.sim.promote(lounge.news, lounge.bot, by=lounge.owner, can_invite_users=True)

    lounge.sim.press(lounge.stranger, lounge.group, prompt.id, "v")

    await lounge.until_free(lounge.stranger)


async def test_every_missing_channel_has_a_button(lounge: Lounge, platform: Platform) -> None:
    """All missing channels are shown at once, each with the group's own link into it."""
    await lounge.protect(lounge.news, lounge.insiders)
    prompt = await muted_with_prompt(lounge, platform)

    news, insiders, verify = buttons_of(prompt)
    assert str(news[0]["url"]) in lounge.news.links
    assert str(insiders[0]["url"]) in lounge.insiders.links
    assert verify[0]["callback_data"] == "v"


async def test_joining_one_of_two_channels_is_not_enough(lounge: Lounge, platform: Platform) -> None:
    """The last missing channel frees, no earlier one."""
    await lounge.protect(lounge.news, lounge.insiders)
    await muted_with_prompt(lounge, platform)

    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.settled()
    await platform.at_rest()
    assert lounge.muted(lounge.stranger)

    lounge.sim.join(lounge.stranger, lounge.insiders)
    await lounge.until_free(lounge.stranger)


async def test_leaving_the_channel_gates_again(lounge: Lounge, platform: Platform) -> None:
    """A member who leaves the channel is muted in the groups that have seen them, and freed when they come back."""
    await lounge.protect(lounge.news)
    await seen(lounge, platform, lounge.member)

    lounge.sim.leave(lounge.member, lounge.news)
    await lounge.until_muted(lounge.member)
    await lounge.until_said("Mia")
    await platform.at_rest()

    lounge.sim.join(lounge.member, lounge.news)
    await lounge.until_free(lounge.member)


async def test_leaving_right_after_being_freed_gates_again(lounge: Lounge, platform: Platform) -> None:
    """Who joins, is freed and leaves without another word is muted again, as often as they try."""
    await lounge.protect(lounge.news)
    await muted_with_prompt(lounge, platform)

    for _ in range(3):
        lounge.sim.join(lounge.stranger, lounge.news)
        await lounge.until_free(lounge.stranger)
        lounge.sim.leave(lounge.stranger, lounge.news)
        await lounge.until_muted(lounge.stranger)

    await platform.at_rest()
    prompt_for(lounge, lounge.stranger)


async def test_a_stranger_who_joins_is_gated_without_a_word(lounge: Lounge) -> None:
    """Coming in is enough to be asked for membership."""
    await lounge.protect(lounge.news)
    newcomer = lounge.sim.add_user("Nina")

    lounge.sim.join(newcomer, lounge.group)

    await lounge.until_muted(newcomer)
    await lounge.until_said("Nina")


async def test_unprotect_frees_everybody_and_stops(lounge: Lounge, platform: Platform) -> None:
    """Whoever GMBot had muted is free, and nobody is asked any more."""
    await lounge.protect(lounge.news)
    await muted_with_prompt(lounge, platform)

    lounge.sim.say(lounge.owner, lounge.group, "/unprotect")
    await lounge.until_free(lounge.stranger)
    await lounge.until_said("being freed")
    await platform.at_rest()
    message = lounge.sim.say(lounge.stranger, lounge.group, "free at last")
    await lounge.settled()

    assert not lounge.muted(lounge.stranger)
    assert message.id in {standing.id for standing in lounge.sim.messages(lounge.group)}


async def test_many_messages_and_an_album_make_one_prompt(lounge: Lounge, platform: Platform) -> None:
    """However much a stranger writes before the mute is in force: one mute, one prompt, nothing of it stays."""
    await lounge.protect(lounge.news)
    before = len(lounge.calls("restrictChatMember"))
    texts = [lounge.sim.say(lounge.stranger, lounge.group, f"line {number}").id for number in range(5)]
    album = [
        lounge.sim.say(lounge.stranger, lounge.group, "", photo=True, media_group_id="album").id for _ in range(10)
    ]

    await lounge.settled()
    await platform.at_rest()
    await lounge.until_muted(lounge.stranger)
    standing = {message.id for message in lounge.sim.messages(lounge.group)}
    assert not standing & {*texts, *album}
    assert len(lounge.calls("restrictChatMember")) - before == 1
    prompt_for(lounge, lounge.stranger)


async def test_a_verified_member_costs_no_call(lounge: Lounge, platform: Platform) -> None:
    """After the first sight of a member, a hundred messages cause not one Bot API call."""
    await lounge.protect(lounge.news, lounge.insiders)
    lounge.sim.say(lounge.member, lounge.group, "first")
    await finished(lounge, platform)
    before = len(lounge.sim.calls)

    for number in range(100):
        lounge.sim.say(lounge.member, lounge.group, f"message {number}")
    await lounge.settled()

    assert lounge.sim.calls[before:] == []


async def test_first_sight_costs_one_call_per_channel(lounge: Lounge, platform: Platform) -> None:
    """However many messages arrive at once from somebody unknown, each channel is asked once."""
    await lounge.protect(lounge.news, lounge.insiders)
    before = len(lounge.calls("getChatMember"))

    for number in range(10):
        lounge.sim.say(lounge.member, lounge.group, f"message {number}")
    await finished(lounge, platform)

    asked = [call.params for call in lounge.calls("getChatMember")[before:]]
    about = Counter(int(str(each["chat_id"])) for each in asked if each["user_id"] == lounge.member.id)
    assert set(about) == {lounge.news.id, lounge.insiders.id}
    assert max(about.values()) <= 1 + (await platform.asked_late()).total()


async def test_twelve_groups_and_three_channels(lounge: Lounge, platform: Platform) -> None:
    """One channel guards many groups; a mute in one touches no other; joining frees in every group at once."""
    sim = lounge.sim
    clubs = [sim.add_channel(f"Club {number}", owner=lounge.owner, username=f"club_{number}") for number in range(3)]
    for club in clubs:
        sim.promote(club, lounge.bot, can_invite_users=True)
    groups = [add_group(sim, lounge.bot, lounge.owner, f"Group {number}") for number in range(12)]
    for number, group in enumerate(groups):
        sim.say(lounge.owner, group, f"/protect @club_{number % 3}")
    await sim.settled()
    for group in groups:
        sim.join(lounge.stranger, group)
    await sim.settled()
    await platform.at_rest()

    for group in groups:
        await lounge.until_muted(lounge.stranger, group)
    sim.join(lounge.stranger, clubs[0])
    for number, group in enumerate(groups):
        if number % 3 == 0:
            await lounge.until_free(lounge.stranger, group)
    await platform.at_rest()
    assert [lounge.muted(lounge.stranger, group) for group in groups] == [bool(number % 3) for number in range(12)]
    assert not lounge.muted(lounge.stranger, lounge.group)


async def test_nothing_is_protected_while_something_is_missing(lounge: Lounge) -> None:
    """Each missing right is named with the way to grant it, and the gate stays open."""
    lounge.sim.promote(lounge.group, lounge.bot, by=lounge.owner, can_delete_messages=True)
    lounge.sim.demote(lounge.news, lounge.bot, by=lounge.owner)

    lounge.sim.say(lounge.owner, lounge.group, "/protect @gm_news")
    await lounge.until_said("Nothing is protected yet")

    answer = lounge.said()[-1]
    assert "Ban users" in answer
    assert "News" in answer
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.settled()
    assert not lounge.muted(lounge.stranger)


async def test_status_tells_what_is_required_and_how_many_wait(lounge: Lounge, platform: Platform) -> None:
    """`/status` names channels, muted members and rights."""
    await lounge.protect(lounge.news)
    await muted_with_prompt(lounge, platform)

    lounge.sim.say(lounge.owner, lounge.group, "/status")
    await lounge.until_said("Protected.")

    answer = lounge.said()[-1]
    assert "News" in answer
    assert "1 person cannot write" in answer
    assert "I have all the rights I need" in answer
