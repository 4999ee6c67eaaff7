"""/protect and /unprotect: what they say they do, they do, and only for those who may ask."""

import pytest

from bot.simulator import CallbackQuery, Chat, User
from tests.acceptance.kit import buttons, finished, from_bot, gated, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform, add_group, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def command(lounge: Lounge, platform: Platform, user: User, text: str, chat: Chat | None = None) -> str:
    """Send a command and return the bot's answer to it."""
    group = chat or lounge.group
    sent = lounge.sim.say(user, group, text)
    await eventually(lambda: lounge.answered(sent), f"an answer to {text}")
    await finished(lounge, platform)
    return str(from_bot(lounge, group)[-1].text)


async def required(platform: Platform) -> list[int]:
    """Return the channels that are required anywhere, in the admins' order."""
    rows = await platform.fetch(
        "SELECT l.channel_id FROM group_channel_links l JOIN protected_groups g USING (bot_id, group_id)"
        " WHERE g.protected ORDER BY l.position"
    )
    return [row["channel_id"] for row in rows]


async def test_unprotect_frees_everybody_and_stops(lounge: Lounge, platform: Platform) -> None:
    """Whom the gate muted may write at once, their prompts go, and nobody is gated any more."""
    other = lounge.sim.add_user("Otto")
    lounge.sim.join(other, lounge.group)
    await lounge.protect(lounge.news)
    for stranger in (lounge.stranger, other):
        await gated(lounge, platform, stranger)
    answer = await command(lounge, platform, lounge.owner, "/unprotect")
    await lounge.until_free(lounge.stranger)
    await lounge.until_free(other)
    await finished(lounge, platform)
    message = lounge.sim.say(lounge.stranger, lounge.group, "free at last")
    await finished(lounge, platform)

    assert answer.startswith("Done.")
    assert prompts(lounge) == []
    assert stands(lounge, message)
    assert not lounge.muted(lounge.stranger)


async def test_protect_turns_the_gate_on_again(lounge: Lounge, platform: Platform) -> None:
    """After /unprotect the next /protect is not told that the group is protected already."""
    await lounge.protect(lounge.news)
    await command(lounge, platform, lounge.owner, "/unprotect")
    answer = await command(lounge, platform, lounge.owner, "/protect @gm_news")
    lounge.sim.say(lounge.stranger, lounge.group, "hello")

    assert answer.startswith("Done.")
    await lounge.until_muted(lounge.stranger)


async def test_protect_changes_the_channel(lounge: Lounge, platform: Platform) -> None:
    """A second /protect replaces the channel: who is in the new one alone may write."""
    await lounge.protect(lounge.news)
    await lounge.protect(lounge.insiders)
    lounge.sim.leave(lounge.member, lounge.news)
    lounge.sim.join(lounge.stranger, lounge.insiders)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    assert await required(platform) == [lounge.insiders.id]
    assert stands(lounge, message)
    assert restricted(lounge) == []


async def test_protect_adds_a_channel(lounge: Lounge, platform: Platform) -> None:
    """Both channels named: both are required, and both have been looked at."""
    await lounge.protect(lounge.news)
    await lounge.protect(lounge.news, lounge.insiders)
    lounge.sim.join(lounge.stranger, lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)

    assert await required(platform) == [lounge.news.id, lounge.insiders.id]
    assert "Insiders" in str(prompt.text)


async def test_changing_the_channel_frees_whom_the_old_one_muted(lounge: Lounge, platform: Platform) -> None:
    """Muted for a channel that is not required any more, and in the new one: free without a press."""
    lounge.sim.join(lounge.stranger, lounge.insiders)
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    await lounge.protect(lounge.insiders)

    await lounge.until_free(lounge.stranger)


async def test_a_private_channel_is_named_by_its_number(lounge: Lounge, platform: Platform) -> None:
    """No username: the number does, the prompt's button leads in, and joining by it frees."""
    answer = await command(lounge, platform, lounge.owner, f"/protect {lounge.insiders.id}")
    prompt = await gated(lounge, platform, lounge.stranger)
    link = lounge.insiders.links[str(buttons(prompt)[0]["url"])]
    lounge.sim.join(lounge.stranger, lounge.insiders, link=link)

    assert "Insiders" in answer
    await lounge.until_free(lounge.stranger)


async def test_a_channel_by_link_or_without_the_at_sign(lounge: Lounge, platform: Platform) -> None:
    """People paste what they have."""
    for reference in ("gm_news", "https://t.me/gm_news", "t.me/gm_news", "@GM_News"):
        await command(lounge, platform, lounge.owner, f"/protect {reference}")

        assert await required(platform) == [lounge.news.id]
        await command(lounge, platform, lounge.owner, "/unprotect")


@pytest.mark.parametrize("reference", ["@nowhere_at_all", "-1001234567890", "12345", "-5", "@", "x" * 200])
async def test_a_channel_that_is_none_is_named_and_nothing_changes(
    lounge: Lounge, platform: Platform, reference: str
) -> None:
    """A typing mistake protects nothing, and one among several does not protect half."""
    answer = await command(lounge, platform, lounge.owner, f"/protect @gm_news {reference}")

    assert "Nothing is protected yet" in answer
    assert await required(platform) == []


async def test_a_group_is_no_channel(lounge: Lounge, platform: Platform) -> None:
    """The group itself, or another one, cannot be its gate."""
    answer = await command(lounge, platform, lounge.owner, f"/protect {lounge.group.id}")

    assert "is not a channel" in answer
    assert await required(platform) == []


async def test_nobody_uses_a_channel_they_do_not_administer(lounge: Lounge, platform: Platform) -> None:
    """The bot is admin of somebody else's channel: a group's owner cannot conscript it, nor get a link into it."""
    rival = lounge.sim.add_user("Rita")
    secret = lounge.sim.add_channel("Board of directors", owner=rival)
    lounge.sim.promote(secret, lounge.bot, can_invite_users=True)
    links = set(secret.links)
    answer = await command(lounge, platform, lounge.owner, f"/protect {secret.id}")

    assert "You are not an admin of Board of directors" in answer
    assert await required(platform) == []
    assert set(secret.links) == links
    assert all("+" not in str(button.get("url")) for message in from_bot(lounge) for button in buttons(message))


async def test_a_subscriber_of_a_channel_is_not_its_admin(lounge: Lounge, platform: Platform) -> None:
    """Being in the channel is not enough to use it as a gate."""
    home = add_group(lounge.sim, lounge.bot, lounge.member, "Mia's")
    answer = await command(lounge, platform, lounge.member, "/protect @gm_news", home)

    assert "You are not an admin of News" in answer
    assert await required(platform) == []


async def test_ordinary_members_configure_nothing(lounge: Lounge, platform: Platform) -> None:
    """/protect, /unprotect, /status and /settings are for admins."""
    await lounge.protect(lounge.news)
    for name in ("/protect @gm_news", "/unprotect", "/settings", "/exempt", "/pause", "/resume", "/language de"):
        answer = await command(lounge, platform, lounge.member, name)

        assert "can do this" in answer
    assert await required(platform) == [lounge.news.id]


async def test_an_admin_who_may_not_restrict_configures_nothing(lounge: Lounge, platform: Platform) -> None:
    """Who may not mute people must not have the bot do it for them."""
    lounge.sim.promote(lounge.group, lounge.member, can_pin_messages=True)
    lounge.sim.promote(lounge.news, lounge.member, can_invite_users=True)
    answer = await command(lounge, platform, lounge.member, "/protect @gm_news")

    assert "can do this" in answer
    assert await required(platform) == []


async def test_an_admin_who_may_restrict_configures(lounge: Lounge, platform: Platform) -> None:
    """Owning the group is not needed."""
    lounge.sim.promote(lounge.group, lounge.member, can_restrict_members=True)
    lounge.sim.promote(lounge.news, lounge.member, can_invite_users=True)
    answer = await command(lounge, platform, lounge.member, "/protect @gm_news")

    assert answer.startswith("Done.")
    assert await required(platform) == [lounge.news.id]


async def test_a_demoted_admin_configures_no_more(lounge: Lounge, platform: Platform) -> None:
    """The caller's rights are asked each time; no list of admins is remembered for commands."""
    lounge.sim.promote(lounge.group, lounge.member, can_restrict_members=True)
    await lounge.protect(lounge.news)
    await command(lounge, platform, lounge.member, "/status")
    lounge.sim.demote(lounge.group, lounge.member)
    answer = await command(lounge, platform, lounge.member, "/unprotect")

    assert "can do this" in answer
    assert await required(platform) == [lounge.news.id]


async def test_a_strangers_command_is_a_strangers_message(lounge: Lounge, platform: Platform) -> None:
    """`/help buy coins` from somebody outside the channel is removed unanswered, as any advert."""
    await lounge.protect(lounge.news)
    before = len(from_bot(lounge))
    message = lounge.sim.say(lounge.stranger, lounge.group, "/help buy coins at coins.example")
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)

    assert not stands(lounge, message)
    # A command that could not wait for Telegram's answer is one of a member, until a worker knows better.
    assert len(from_bot(lounge)) == before + 1 + (await platform.asked_late()).total()
    assert len(prompts(lounge)) == 1


async def test_an_anonymous_admin_shows_who_they_are_by_a_press(lounge: Lounge, platform: Platform) -> None:
    """Written as the group, /protect asks for a press; the press tells the admin, whose rights are then checked."""
    lounge.sim.be_anonymous(lounge.group, lounge.owner)
    answer = await command(lounge, platform, lounge.owner, "/protect @gm_news")
    unprotected = await required(platform)
    await press_confirm(lounge, platform, lounge.owner)

    assert "press the button" in answer
    assert unprotected == []
    assert await required(platform) == [lounge.news.id]


async def test_an_anonymous_admins_question_is_not_answered_by_others(lounge: Lounge, platform: Platform) -> None:
    """A member's press, and the press of an admin who does not administer the channel, protect nothing."""
    lounge.sim.be_anonymous(lounge.group, lounge.owner)
    lounge.sim.promote(lounge.group, lounge.member, can_restrict_members=True)
    await command(lounge, platform, lounge.owner, "/protect @gm_news")
    query = await press_confirm(lounge, platform, lounge.stranger)
    await press_confirm(lounge, platform, lounge.member)

    assert query.answer is not None
    assert "Only admins" in str(query.answer.text)
    assert "You are not an admin of News" in lounge.said()[-1]
    assert await required(platform) == []


async def test_an_anonymous_admin_can_unprotect(lounge: Lounge, platform: Platform) -> None:
    """Only admins write as the group."""
    await lounge.protect(lounge.news)
    lounge.sim.be_anonymous(lounge.group, lounge.owner)
    answer = await command(lounge, platform, lounge.owner, "/unprotect")

    assert answer.startswith("Done.")
    assert await required(platform) == []


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        (frozenset(), "Make me an admin of this group"),
        (frozenset({"can_delete_messages"}), "Ban users"),
        (frozenset({"can_restrict_members"}), "Delete messages"),
    ],
    ids=["none", "no restrict", "no delete"],
)
async def test_missing_rights_are_named_and_nothing_is_protected(
    lounge: Lounge, platform: Platform, rights: frozenset[str], named: str
) -> None:
    """Which right is missing is said, with the button that grants it."""
    home = lounge.sim.add_group("Home", owner=lounge.owner)
    lounge.sim.add_member(home, lounge.bot)
    if rights:
        lounge.sim.appoint(home, lounge.bot, rights)
    answer = await command(lounge, platform, lounge.owner, "/protect @gm_news", home)

    assert named in answer
    assert "startgroup" in str(buttons(from_bot(lounge, home)[-1])[0]["url"])
    assert await required(platform) == []


async def test_a_channel_the_bot_is_not_in_is_no_gate(lounge: Lounge, platform: Platform) -> None:
    """What the bot could not look into would mute everybody or nobody."""
    lounge.sim.add_channel("Closed", owner=lounge.owner, username="gm_closed")
    answer = await command(lounge, platform, lounge.owner, "/protect @gm_closed")

    assert "Make me an admin of Closed" in answer
    assert await required(platform) == []


async def test_no_command_fails_over_markup(lounge: Lounge, platform: Platform) -> None:
    """A group and a channel full of markup: every command is answered."""
    odd = lounge.sim.add_channel("a_b *c* <i>", owner=lounge.owner, username="gm_odd")
    lounge.sim.promote(odd, lounge.bot)
    for text in ("/protect <b>", "/protect @gm_odd", "/status", "/settings", "/unprotect"):
        answer = await command(lounge, platform, lounge.owner, text)

        assert "\\n" not in answer
        assert "&lt;" not in answer


async def press_confirm(lounge: Lounge, platform: Platform, user: User) -> CallbackQuery:
    """Press the button by which an anonymous admin shows who they are."""
    asked = next(m for m in from_bot(lounge) if any(b.get("callback_data") == "p" for b in buttons(m)))
    query = lounge.sim.press(user, lounge.group, asked, "p")
    await finished(lounge, platform)
    return query
