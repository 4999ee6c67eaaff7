"""The smaller commands: what somebody asks about themselves, and what admins decide besides the policy."""

import re

import pytest

from bot.domain.menu import MENUS
from bot.simulator import User
from tests.acceptance.kit import buttons, choose, finished, from_bot, gated, prompts, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def answer(lounge: Lounge, user: User, command: str) -> str:
    """Have somebody send a command in the group, and return the answer."""
    sent = lounge.sim.say(user, lounge.group, command).id
    await eventually(lambda: any(each.id > sent for each in from_bot(lounge)), f"an answer to {command}")
    await lounge.settled()
    return from_bot(lounge)[-1].text or ""


@pytest.mark.parametrize("command", ["/status", "/verify"])
async def test_members_hear_about_themselves(lounge: Lounge, platform: Platform, command: str) -> None:
    """Whether they may write, and what is there to join; the rest of the report is for admins."""
    await lounge.protect(lounge.news, lounge.insiders)
    assert "you can write" in await answer(lounge, lounge.member, command)

    lounge.sim.say(lounge.owner, lounge.group, "/settings enforcement=observe")
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.settled()

    assert await answer(lounge, lounge.stranger, command) == "Not yet. Still to join: Insiders"
    assert [button["text"] for button in buttons(from_bot(lounge)[-1])] == ["Join Insiders"]
    lounge.stranger.language_code = "de"
    await answer(lounge, lounge.stranger, command)
    assert [button["text"] for button in buttons(from_bot(lounge)[-1])] == ["Insiders beitreten"]
    lounge.stranger.language_code = "en"
    lounge.sim.say(lounge.owner, lounge.group, "/unprotect")
    await finished(lounge, platform)
    assert "Nothing is required here" in await answer(lounge, lounge.stranger, "/verify")


async def test_who_may_write_anyway_is_told_so(lounge: Lounge, platform: Platform) -> None:
    """Admins, the exempt, and whom the group spares: nobody is sent into a channel that they need not join."""
    await lounge.protect(lounge.news)
    admin = lounge.sim.add_user("Ada")
    lounge.sim.join(admin, lounge.group)
    await lounge.until_muted(admin)
    await finished(lounge, platform)
    lounge.sim.promote(lounge.group, admin, can_restrict_members=True)
    await finished(lounge, platform)
    assert "without being in the channels" in await answer(lounge, admin, "/verify")

    lounge.sim.say(lounge.owner, lounge.group, "/settings grandfather=on")
    await finished(lounge, platform)
    assert "without being in the channels" in await answer(lounge, lounge.stranger, "/verify")
    lounge.sim.say(lounge.owner, lounge.group, "/settings grandfather=off")
    await finished(lounge, platform)
    await answer(lounge, lounge.owner, f"/exempt {lounge.stranger.id}")
    assert "without being in the channels" in await answer(lounge, lounge.stranger, "/verify")


async def test_verify_frees_whose_event_was_lost(lounge: Lounge, platform: Platform) -> None:
    """Where only messages are removed one can still ask, and the prompt goes with the answer."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings enforcement=delete commands=answer")
    await finished(lounge, platform)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)
    assert prompts(lounge)
    lounge.sim.demote(lounge.news, lounge.bot, by=lounge.owner)
    lounge.sim.join(lounge.stranger, lounge.news)
    lounge.sim.promote(lounge.news, lounge.bot, by=lounge.owner, can_invite_users=True)
    await finished(lounge, platform)

    lounge.sim.say(lounge.stranger, lounge.group, "/verify")
    await finished(lounge, platform)

    assert prompts(lounge) == []


async def test_an_admin_exempts_somebody_and_takes_it_back(lounge: Lounge, platform: Platform) -> None:
    """In reply to them or by number; the list takes it back, and obeys admins only."""
    await lounge.protect(lounge.news)
    message = lounge.sim.say(lounge.member, lounge.group, "let Sam in")
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.say(lounge.owner, lounge.group, "/exempt", reply_to=message)
    await lounge.until_said("Mia may write here")
    assert "Sam may write here" in await answer(lounge, lounge.owner, f"/exempt {lounge.stranger.id}")
    assert (await answer(lounge, lounge.owner, f"/status {lounge.stranger.id}")).startswith("Sam\n")
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)
    assert stands(lounge, lounge.sim.say(lounge.stranger, lounge.group, "thank you"))

    assert "These may write" in await answer(lounge, lounge.owner, "/exempt")
    panel = from_bot(lounge)[-1]
    data = f"x:{lounge.stranger.id}"
    assert data in {button["callback_data"] for button in buttons(panel)}
    refused = lounge.sim.press(lounge.member, lounge.group, panel, data)
    await lounge.settled()
    taken = lounge.sim.press(lounge.owner, lounge.group, panel, data)
    await lounge.settled()

    assert refused.answer is not None
    assert "Only admins" in (refused.answer.text or "")
    assert taken.answer is not None
    assert "has to be in the channels again" in (taken.answer.text or "")
    assert {button["callback_data"] for button in buttons(panel)} == {f"x:{lounge.member.id}"}
    lounge.sim.say(lounge.stranger, lounge.group, "and now?")
    await lounge.until_muted(lounge.stranger)


async def test_a_pause_frees_everybody_until_it_is_over(lounge: Lounge, platform: Platform) -> None:
    """Nothing is forgotten, rights that come and go do not end it, and `/status` says whose pause it is."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)

    assert "Paused." in await answer(lounge, lounge.owner, "/pause")
    await lounge.until_free(lounge.stranger)
    assert "paused me already" in await answer(lounge, lounge.owner, "/pause")
    lounge.sim.demote(lounge.news, lounge.bot, by=lounge.owner)
    lounge.sim.promote(lounge.news, lounge.bot, by=lounge.owner, can_invite_users=True)
    await finished(lounge, platform)
    assert "Paused by an admin" in await answer(lounge, lounge.owner, "/status")
    message = lounge.sim.say(lounge.stranger, lounge.group, "free")
    await finished(lounge, platform)
    assert stands(lounge, message)

    assert "check again who is in News" in await answer(lounge, lounge.owner, "/resume")
    assert "not paused" in await answer(lounge, lounge.owner, "/resume")
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)


async def test_a_resume_without_rights_says_what_is_missing(lounge: Lounge, platform: Platform) -> None:
    """A gate whose channel cannot be asked opens again at once."""
    await lounge.protect(lounge.news)
    await answer(lounge, lounge.owner, "/pause")
    lounge.sim.demote(lounge.news, lounge.bot, by=lounge.owner)
    await finished(lounge, platform)

    lounge.sim.say(lounge.owner, lounge.group, "/resume")
    await lounge.until_said("What is missing")

    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)
    assert not lounge.muted(lounge.stranger)


async def test_a_group_has_a_language_of_its_own(lounge: Lounge, platform: Platform) -> None:
    """What is said to everybody is said in it; another `/protect` does not change it."""
    await lounge.protect(lounge.news)
    assert "Which language" in await answer(lounge, lounge.owner, "/language xx")
    panel = from_bot(lounge)[-1]
    assert {"Deutsch", "فارسی", "Português (Brasil)"} <= {button["text"] for button in buttons(panel)}
    refused = lounge.sim.press(lounge.member, lounge.group, panel, "l:de")
    await lounge.settled()
    assert refused.answer is not None
    assert "Only admins" in (refused.answer.text or "")
    lounge.sim.press(lounge.owner, lounge.group, panel, "l:ru")
    await lounge.until_said("Теперь я говорю")
    assert "Ab jetzt" in await answer(lounge, lounge.owner, "/language de")
    await lounge.protect(lounge.news)

    prompt = await gated(lounge, platform, lounge.stranger)

    assert "um hier zu schreiben" in (prompt.text or "")


async def test_whoever_asks_is_forgotten_except_for_a_mute(lounge: Lounge, platform: Platform) -> None:
    """What is kept is said, and erased on request; the mute in force is still lifted when they join."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await gated(lounge, platform, lounge.stranger)
    for user in (lounge.member, lounge.stranger):
        lounge.sim.private(user, lounge.bot, "/privacy")
        lounge.sim.private(user, lounge.bot, "/forget_me")
        await lounge.settled()
        chat = lounge.sim.private_chat(user, lounge.bot)
        said = [message.text or "" for message in lounge.sim.messages(chat)]
        assert any("I do not keep what you write" in text for text in said)
        assert any("is erased" in text for text in said)

    for table in ("group_members_seen", "verification_events"):
        assert await platform.fetch(f"SELECT 1 FROM {table}") == []  # noqa: S608 - names from the line above
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)


async def test_help_names_every_command(lounge: Lounge) -> None:
    """None has to be guessed; members of a group are spared those of its admins, and hear what is required of them."""
    admins, members = set(MENUS["all_chat_administrators"]) - {"help"}, {"verify", "privacy", "forget_me"}
    told = await answer(lounge, lounge.owner, "/help")
    assert {name for name in admins | members if f"/{name} " not in re.sub(r"[\s,]", " ", told)} == set()

    said = await answer(lounge, lounge.member, "/help")

    assert "Whoever is not in the channels is muted" in said
    assert set(re.findall(r"/([a-z_]+)", said)) == members


async def test_in_private_every_command_is_answered(lounge: Lounge) -> None:
    """However fast they come: Telegram takes a message a second there, so the later answers wait for their turn."""
    private = lounge.sim.private_chat(lounge.owner, lounge.bot)
    for _ in range(5):
        lounge.sim.private(lounge.owner, lounge.bot, "/privacy")

    await eventually(lambda: len(lounge.said(private)) == 5, "five answers", within=30)


@pytest.mark.parametrize("command", ["/status", "/settings", "/stats", "/doctor", "/pause", "/protect"])
async def test_an_open_group_is_one_tap_from_its_channels(lounge: Lounge, command: str) -> None:
    """Whoever asks where nothing is protected gets the button that leads to the list: there is nothing to type."""
    await answer(lounge, lounge.owner, command)

    links = [str(button.get("url", "")) for button in buttons(from_bot(lounge)[-1])]
    assert f"https://t.me/gate_bot?start=g{lounge.group.id}" in links


async def test_protecting_where_the_gate_observes_says_so(lounge: Lounge, platform: Platform) -> None:
    """Else an admin waits for a mute that does not come."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "enforcement=observe")

    assert "I only observe" in await answer(lounge, lounge.owner, "/protect @gm_news")
