"""The settings panel in the chat: who may press, what it shows, and what it says when it is out of date."""

import pytest

from bot.simulator import CallbackQuery, Chat, Fault, Message, User
from tests.acceptance.kit import buttons, finished, from_bot
from tests.kits.platform import Lounge, Platform, add_group, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def opened(lounge: Lounge, by: User | None = None) -> Message:
    """Have somebody open the panel in the group."""
    sent = lounge.sim.say(by or lounge.owner, lounge.group, "/settings").id
    await eventually(lambda: any(each.id > sent for each in from_bot(lounge)), "a panel")
    await lounge.settled()
    return from_bot(lounge)[-1]


async def press(lounge: Lounge, panel: Message, label: str, by: User | None = None, chat: Chat | None = None) -> str:
    """Press a button by its text; return the toast."""
    place = chat or lounge.group
    current = next(each for each in lounge.sim.messages(place) if each.id == panel.id)
    data = next(str(button["callback_data"]) for button in buttons(current) if str(button["text"]) == label)
    query: CallbackQuery = lounge.sim.press(by or lounge.owner, place, panel, data)
    await lounge.settled()
    return (query.answer.text or "") if query.answer is not None else "no answer"


def text(lounge: Lounge, panel: Message, chat: Chat | None = None) -> str:
    """Return what the panel says now."""
    return next(each.text or "" for each in lounge.sim.messages(chat or lounge.group) if each.id == panel.id)


async def test_a_setting_is_explained_and_chosen_by_two_taps(lounge: Lounge, platform: Platform) -> None:
    """Each option says what it does before it is pressed, and takes effect at once."""
    await lounge.protect(lounge.news)
    panel = await opened(lounge)

    await press(lounge, panel, "Who has not joined")
    assert "Nobody is touched." in text(lounge, panel)
    assert await press(lounge, panel, "Only observe") == "Saved."
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    assert any(each.id == message.id for each in lounge.sim.messages(lounge.group))
    await press(lounge, panel, "Back")
    assert "Who has not joined: Only observe" in text(lounge, panel)
    current = next(each for each in lounge.sim.messages(lounge.group) if each.id == panel.id)
    assert buttons(current)[-1]["text"] == "In private"
    await press(lounge, panel, "Close")
    assert panel.id not in {each.id for each in lounge.sim.messages(lounge.group)}


async def test_a_panel_obeys_the_admin_who_opened_it(lounge: Lounge) -> None:
    """Another admin is told to open one of their own, a member that they may not, a demoted admin the same."""
    await lounge.protect(lounge.news)
    admin = lounge.sim.add_user("Ada")
    lounge.sim.join(admin, lounge.group)
    lounge.sim.promote(lounge.group, admin, can_restrict_members=True)
    panel = await opened(lounge, admin)

    assert "somebody else" in await press(lounge, panel, "Edited messages")
    lounge.sim.demote(lounge.group, admin)
    await lounge.settled()
    assert "Edited messages: Check" in text(lounge, panel)


async def test_a_panel_that_is_out_of_date_says_so_and_shows_what_is(lounge: Lounge) -> None:
    """What somebody else has changed meanwhile is not changed unseen."""
    await lounge.protect(lounge.news)
    panel, other = await opened(lounge), await opened(lounge)
    await press(lounge, panel, "Edited messages")
    await press(lounge, other, "Commands")
    await press(lounge, other, "Answer")

    toast = await press(lounge, panel, "Ignore")

    assert "changed meanwhile" in toast
    assert "Commands: Answer" in text(lounge, panel)
    assert "Edited messages: Check" in text(lounge, panel)


async def test_settings_can_be_kept_by_the_owner(lounge: Lounge) -> None:
    """Locked, they are the owner's alone; only the owner locks and unlocks them."""
    await lounge.protect(lounge.news)
    admin = lounge.sim.add_user("Ada")
    lounge.sim.join(admin, lounge.group)
    lounge.sim.promote(lounge.group, admin, can_restrict_members=True)
    theirs = await opened(lounge, admin)
    await press(lounge, theirs, "Only the owner", by=admin)
    assert "Only the owner of the group" in await press(lounge, theirs, "On", by=admin)

    mine = await opened(lounge)
    await press(lounge, mine, "Only the owner")
    assert await press(lounge, mine, "On") == "Saved."
    assert "Only the owner of the group" in await press(lounge, theirs, "Back", by=admin)
    lounge.sim.say(admin, lounge.group, "/settings edits=ignore")
    await lounge.until_said("Only the owner of the group can change its settings.")


async def test_the_owner_may_keep_everything(lounge: Lounge) -> None:
    """Then other admins look at the group, and neither open, pause nor protect it otherwise."""
    await lounge.protect(lounge.news)
    admin = lounge.sim.add_user("Ada")
    lounge.sim.join(admin, lounge.group)
    lounge.sim.promote(lounge.group, admin, can_restrict_members=True)
    lounge.sim.say(lounge.owner, lounge.group, "/settings locked=all")
    await lounge.until_said("Only the owner: Everything")
    for command in ("/unprotect", "/pause", "/language de", "/protect @gm_news"):
        sent = lounge.sim.say(admin, lounge.group, command).id
        await eventually(lambda sent=sent: any(each.id > sent for each in from_bot(lounge)), "an answer")  # type: ignore[misc]  # bound now
        await lounge.settled()
        assert from_bot(lounge)[-1].text == "Only the owner of the group can change its settings."

    lounge.sim.say(admin, lounge.group, "/status")
    await lounge.until_said("Protected.")
    lounge.sim.be_anonymous(lounge.group, lounge.owner)
    lounge.sim.say(lounge.owner, lounge.group, "/pause")
    await lounge.settled()
    assert from_bot(lounge)[-1].text == "Only the owner of the group can change its settings."
    lounge.sim.be_anonymous(lounge.group, lounge.owner, anonymous=False)
    lounge.sim.say(lounge.owner, lounge.group, "/pause")
    await lounge.until_said("Paused.")


async def test_settings_travel_as_one_line(lounge: Lounge, platform: Platform) -> None:
    """What the panel exports is a command that sets the same in any group."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings edits=ignore require=any")
    await finished(lounge, platform)
    panel = await opened(lounge)
    await press(lounge, panel, "Export")
    line = text(lounge, panel).splitlines()[-1]
    lounge.sim.say(lounge.owner, lounge.group, "/settings edits=check require=all")
    await finished(lounge, platform)

    lounge.sim.say(lounge.owner, lounge.group, line)
    await finished(lounge, platform)

    rows = await platform.fetch("SELECT policy FROM protected_groups")
    assert rows[0]["policy"] == '{"edits": "ignore", "require": "any"}'


async def test_in_private_each_of_ones_groups_has_a_panel(lounge: Lounge) -> None:
    """The owner finds their group; somebody who is no admin finds none."""
    await lounge.protect(lounge.news)
    for user in (lounge.owner, lounge.member):
        lounge.sim.private(user, lounge.bot, "/settings")
    await lounge.settled()
    chat, other = (lounge.sim.private_chat(user, lounge.bot) for user in (lounge.owner, lounge.member))
    panel = lounge.sim.messages(chat)[-1]
    assert [button["text"] for button in buttons(panel)] == ["Lounge"]
    assert "no group" in (lounge.sim.messages(other)[-1].text or "")

    await press(lounge, panel, "Lounge", chat=chat)
    await press(lounge, panel, "Edited messages", chat=chat)
    assert await press(lounge, panel, "Ignore", chat=chat) == "Saved."


async def test_a_stranger_s_settings_cost_no_question(lounge: Lounge) -> None:
    """Who has set nothing up is told so without asking Telegram about any group."""
    await lounge.protect(lounge.news)
    before = len(lounge.calls("getChatMember"))

    lounge.sim.private(lounge.stranger, lounge.bot, "/settings")
    private = lounge.sim.private_chat(lounge.stranger, lounge.bot)
    await lounge.until_said("no group", private)

    assert len(lounge.calls("getChatMember")) == before


async def test_any_admin_opens_the_panel_in_private(lounge: Lounge) -> None:
    """By the link below the panel in the group; a member who takes the link is told that it is for admins."""
    await lounge.protect(lounge.news)
    admin = lounge.sim.add_user("Ada")
    lounge.sim.join(admin, lounge.group)
    lounge.sim.promote(lounge.group, admin, can_restrict_members=True)
    panel = await opened(lounge, admin)
    link = next(str(button["url"]) for button in buttons(panel) if "url" in button)
    payload = link.partition("?start=")[2]

    for user in (admin, lounge.member):
        lounge.sim.private(user, lounge.bot, f"/start {payload}")
    await lounge.settled()

    chat, other = (lounge.sim.private_chat(user, lounge.bot) for user in (admin, lounge.member))
    mine = lounge.sim.messages(chat)[-1]
    await press(lounge, mine, "Edited messages", by=admin, chat=chat)
    assert await press(lounge, mine, "Ignore", by=admin, chat=chat) == "Saved."
    assert "Only admins" in (lounge.sim.messages(other)[-1].text or "")


async def test_many_groups_come_in_pages(lounge: Lounge) -> None:
    """Eight at a time, by title; one may turn to and fro."""
    for number in range(10):
        home = add_group(lounge.sim, lounge.bot, lounge.owner, f"Home {number}")
        lounge.sim.say(lounge.owner, home, f"/protect @{lounge.news.username}")
        await lounge.until_said("Done", home)
    lounge.sim.private(lounge.owner, lounge.bot, "/settings")
    chat = lounge.sim.private_chat(lounge.owner, lounge.bot)
    await lounge.until_said("Choose a group", chat)
    await lounge.settled()
    panel = lounge.sim.messages(chat)[-1]
    assert [button["text"] for button in buttons(panel)] == [*(f"Home {number}" for number in range(8)), "▶"]

    assert await press(lounge, panel, "▶", chat=chat) == ""
    assert [button["text"] for button in buttons(panel)] == ["Home 8", "Home 9", "◀"]
    await press(lounge, panel, "◀", chat=chat)
    assert next(button["text"] for button in buttons(panel)) == "Home 0"


async def test_an_anonymous_admins_panel_is_any_admins(lounge: Lounge) -> None:
    """Telegram does not say who wrote; the press does."""
    await lounge.protect(lounge.news)
    lounge.sim.be_anonymous(lounge.group, lounge.owner)
    panel = await opened(lounge)

    assert "Only admins" in await press(lounge, panel, "Edited messages", by=lounge.member)
    await press(lounge, panel, "Edited messages")
    assert await press(lounge, panel, "Ignore") == "Saved."


async def test_a_panel_of_a_group_that_is_open_by_now_is_stale(lounge: Lounge) -> None:
    """There is nothing left to choose."""
    await lounge.protect(lounge.news)
    panel = await opened(lounge)
    lounge.sim.say(lounge.owner, lounge.group, "/unprotect")
    await lounge.until_said("Everybody may write here")

    assert "too old" in await press(lounge, panel, "Edited messages")


async def test_where_prompts_are_quiet_so_are_answers(lounge: Lounge, platform: Platform) -> None:
    """Only who asks sees the answer and works the panel; what Telegram refuses to show to one is said to all."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings prompts=member")
    await eventually(lambda: from_bot(lounge)[-1].receiver is lounge.owner, "a panel for the owner alone")
    await lounge.settled()
    panel = from_bot(lounge)[-1]

    async def press(label: str) -> str | None:
        data = next(str(button.get("callback_data")) for button in buttons(panel) if button["text"] == label)
        query = lounge.sim.press(lounge.owner, lounge.group, panel, data)
        await eventually(lambda: query.answer is not None, "an answer")
        await lounge.settled()
        return query.answer.text if query.answer is not None else None

    await press("Edited messages")
    assert await press("Ignore") == "Saved."
    assert "▸ Ignore" in (panel.text or "")
    await press("Back")
    assert "Edited messages: Ignore" in (panel.text or "")
    await press("Close")
    assert panel not in from_bot(lounge)
    for command in ("/status", "/doctor", "/exempt", "/language", "/help"):
        sent = len(from_bot(lounge))
        lounge.sim.say(lounge.owner, lounge.group, command)
        await eventually(lambda sent=sent: len(from_bot(lounge)) > sent, f"an answer to {command}")  # type: ignore[misc]  # bound now
        await lounge.settled()
    assert {each.receiver for each in from_bot(lounge)[1:]} == {lounge.owner}
    rows = await platform.fetch("SELECT message_id FROM scheduled_actions")
    assert 0 not in {row["message_id"] for row in rows}

    refusal = Fault(kind="error", method="sendMessage", code=400, description="Bad Request: not here", times=1)
    lounge.sim.faults.add(refusal)
    lounge.sim.say(lounge.owner, lounge.group, "/status")
    await eventually(lambda: from_bot(lounge)[-1].receiver is None, "an answer to all")
