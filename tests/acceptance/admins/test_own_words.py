"""`/text`: a group's admins word the prompt themselves."""

import pytest

from tests.acceptance.kit import buttons, finished, gated
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

OWN = "/text <b>{group}</b> greets {name} & asks for {channels}"


async def test_newcomers_read_the_admins_words(lounge: Lounge, platform: Platform) -> None:
    """Filled in, with the buttons as ever; a restart or another group knows nothing else."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, OWN)
    await lounge.until_said("Saved.")
    previewed = lounge.said()[-1]
    prompt = await gated(lounge, platform, lounge.stranger)
    call = next(call for call in lounge.calls("sendMessage") if "Sam" in str(call.params["text"]))

    assert previewed.endswith("Lounge greets Olivia & asks for News")
    assert prompt.text == "Lounge greets Sam & asks for News"
    assert call.params["text"] == (
        f'<b>Lounge</b> greets <a href="tg://user?id={lounge.stranger.id}">Sam</a> &amp; asks for News'
    )
    assert [button.get("callback_data") for button in buttons(prompt)] == [None, "v"]


async def test_a_crowd_reads_the_admins_words(lounge: Lounge, platform: Platform) -> None:
    """The one prompt that many share says how many wait where a name would stand."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, OWN)
    await lounge.until_said("Saved.")
    for number in range(10):
        lounge.sim.join(lounge.sim.add_user(f"Raider{number}x"), lounge.group)

    await lounge.until_said("Lounge greets everyone (5) & asks for News")
    await finished(lounge, platform)


async def test_the_words_go_along_with_the_settings(lounge: Lounge, platform: Platform) -> None:
    """The export is one message, which sets both anew, or neither; `reset` brings the bot's own words back."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, OWN)
    await lounge.until_said("Saved.")
    lounge.sim.say(lounge.owner, lounge.group, "/settings")
    await lounge.until_said("Settings of Lounge")
    panel = next(each for each in reversed(lounge.sim.messages(lounge.group)) if each.buttons)
    export = next(str(button["callback_data"]) for button in buttons(panel) if button["text"] == "Export")
    lounge.sim.press(lounge.owner, lounge.group, panel, export)
    await lounge.until_said("These are the settings.")
    sent = next(text for text in lounge.said() if "These are the settings." in text).partition("\n")[2]
    before = await platform.fetch("SELECT prompt_text FROM protected_groups")
    lounge.sim.say(lounge.owner, lounge.group, "/text reset")
    await lounge.until_said("to write here please join News")
    reset = await platform.fetch("SELECT prompt_text FROM protected_groups")
    lounge.sim.say(lounge.owner, lounge.group, sent.replace("edits=check", "edits=ignore").replace("{group}", "{x}"))
    await lounge.until_said("I cannot fill in {x} there.")
    unchanged = await platform.fetch("SELECT policy, prompt_text FROM protected_groups")
    lounge.sim.say(lounge.owner, lounge.group, sent.replace("edits=check", "edits=ignore"))
    await lounge.until_said("Edited messages: Ignore")
    await finished(lounge, platform)

    assert [row["prompt_text"] for row in reset] == [None]
    assert await platform.fetch("SELECT prompt_text FROM protected_groups") == before
    assert [(row["policy"], row["prompt_text"]) for row in unchanged] == [("{}", None)]
    assert "\n/text <b>{group}</b>" in sent


async def test_what_is_wrong_is_said_and_nothing_is_changed(lounge: Lounge, platform: Platform) -> None:
    """A placeholder that there is not, and a text that names nobody."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/text {name} {user}")
    await lounge.until_said("I cannot fill in {user} there")
    lounge.sim.say(lounge.owner, lounge.group, "/text Welcome!")
    await lounge.until_said("The text has to say who is meant")
    rows = await platform.fetch("SELECT prompt_text FROM protected_groups")

    assert [row["prompt_text"] for row in rows] == [None]


async def test_members_word_nothing(lounge: Lounge, platform: Platform) -> None:
    """Who is no admin is refused; where only the owner changes settings, other admins are, too."""
    admin = lounge.sim.add_user("Adam")
    lounge.sim.add_member(lounge.group, admin)
    lounge.sim.promote(lounge.group, admin, can_restrict_members=True)
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings locked=on")
    await lounge.until_said("Settings of Lounge")
    lounge.sim.say(lounge.member, lounge.group, OWN)
    await lounge.until_said("Only the owner, and admins who may restrict members, can do this.")
    lounge.sim.say(admin, lounge.group, OWN)
    await lounge.until_said("Only the owner of the group can change its settings.")
    await finished(lounge, platform)
    rows = await platform.fetch("SELECT prompt_text FROM protected_groups")

    assert [row["prompt_text"] for row in rows] == [None]


async def test_alone_it_shows_the_words_and_how_to_change_them(lounge: Lounge) -> None:
    """With what newcomers see below."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/text")
    await eventually(lambda: "at most 1000 characters" in lounge.said()[-1], "the usage is shown")

    assert "I ask newcomers in my own words." in lounge.said()[-1]
    assert "Olivia, to write here please join News" in lounge.said()[-1]
