"""The chat page shows the world as each person sees it, and lets each do what the messenger would."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.lounge import Lounge

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAGE = Path(__file__).parents[2] / "bot" / "simulator" / "page"
CANNOT = "You can't send messages here"


def composer(page: Page) -> Locator:
    """Return the field one writes in."""
    return page.get_by_role("textbox", name="Message", exact=True)


async def write(page: Page, text: str) -> None:
    """Write a message and send it."""
    await composer(page).fill(text)
    await composer(page).press("Enter")


@pytest.mark.parametrize("name", ["olivia", "adam", "mia", "sam"])
async def test_everybody_sees_the_group(lounge: Lounge, open_page: OpenPage, name: str) -> None:
    """Each person finds the group open, themselves chosen, and a composer."""
    person = getattr(lounge, name)
    lounge.sim.say(lounge.mia, lounge.group, "Good morning")

    page = await open_page(lounge.seen_by(person))

    await expect(page.get_by_role("radio", name=name.title())).to_be_checked()
    await expect(page.locator("#chathead h2")).to_have_text("GM Lounge")
    await expect(page.locator(".message .text")).to_have_text(["Good morning"])
    await expect(composer(page)).to_be_visible()


async def test_a_message_reaches_the_others_at_once(lounge: Lounge, open_page: OpenPage) -> None:
    """What one page writes, another shows without a reload."""
    adams = await open_page(lounge.seen_by(lounge.adam))
    mias = await open_page(lounge.seen_by(lounge.mia))

    await write(adams, "Hello Mia")

    await expect(mias.locator(".message .text")).to_have_text(["Hello Mia"])
    await expect(mias.locator(".message .who")).to_contain_text("Adam")
    await expect(composer(adams)).to_be_empty()


async def test_the_composer_is_walled_while_muted(lounge: Lounge, open_page: OpenPage) -> None:
    """A mute takes the composer away and says by whom and until when; its end brings it back."""
    page = await open_page(lounge.seen_by(lounge.sam))
    await expect(composer(page)).to_be_visible()

    await lounge.mute(lounge.sam)

    await expect(page.get_by_text(CANNOT)).to_be_visible()
    await expect(page.locator("#foot")).to_contain_text("Muted by Gate until")
    await expect(composer(page)).to_have_count(0)
    await lounge.free(lounge.sam)
    await expect(composer(page)).to_be_visible()


async def test_a_mute_concerns_only_the_muted(lounge: Lounge, open_page: OpenPage) -> None:
    """Another member goes on writing, and sees the badge of the muted one."""
    await lounge.mute(lounge.sam)

    page = await open_page(lounge.seen_by(lounge.mia))

    await expect(composer(page)).to_be_visible()
    await expect(page.locator(f"[data-member='{lounge.sam.id}'] .badge")).to_have_text("muted")


@pytest.mark.parametrize("alert", [False, True])
async def test_a_press_shows_the_answer(lounge: Lounge, open_page: OpenPage, *, alert: bool) -> None:
    """The bot's answer to a press appears: passing by, or as a dialog to close."""
    await lounge.prompt()
    page = await open_page(lounge.seen_by(lounge.sam))

    await page.get_by_role("button", name="I have joined").click()
    await expect(page.locator(".key[aria-busy=true]")).to_be_visible()
    await lounge.answer_press("Not yet: join <i>GM News</i>", show_alert=alert)

    shown = page.get_by_role("dialog") if alert else page.locator(".toast")
    await expect(shown).to_contain_text("Not yet: join <i>GM News</i>")
    await expect(page.locator(".key[aria-busy=true]")).to_have_count(0)


async def test_an_ephemeral_message_is_its_receivers_alone(lounge: Lounge, open_page: OpenPage) -> None:
    """The receiver sees it marked as private; nobody else sees it."""
    await lounge.prompt("Only for Sam", ephemeral_message_parameters={"receiver_user_id": lounge.sam.id})

    sams = await open_page(lounge.seen_by(lounge.sam))
    mias = await open_page(lounge.seen_by(lounge.mia))

    await expect(sams.locator(".message.ephemeral")).to_contain_text("Only you can see this")
    await expect(mias.get_by_text("Only for Sam")).to_have_count(0)
    await sams.get_by_role("button", name="I have joined").click()
    await expect(sams.locator(".key[aria-busy=true]")).to_be_visible()
    await lounge.answer_press("Not yet")
    await expect(sams.locator(".toast")).to_have_text("Not yet")


async def test_a_deleted_message_vanishes(lounge: Lounge, open_page: OpenPage) -> None:
    """What the bot deletes disappears from an open page."""
    page = await open_page(lounge.seen_by(lounge.mia))
    await write(page, "Too much")
    await expect(page.locator(".message")).to_have_count(1)

    message = lounge.sim.messages(lounge.group, viewer=lounge.mia)[-1]
    await lounge.call("deleteMessage", chat_id=lounge.group.id, message_id=message.id)

    await expect(page.locator(".message")).to_have_count(0)


async def test_a_link_opens_the_channel_inside(lounge: Lounge, open_page: OpenPage) -> None:
    """The prompt's link leads to the channel in the page, where one joins and leaves it."""
    await lounge.prompt()
    page = await open_page(lounge.seen_by(lounge.sam))

    await page.get_by_role("link", name="Join GM News").click()
    await expect(page.locator("#chathead h2")).to_have_text("GM News")
    await page.get_by_role("button", name="Join channel").click()
    await expect(page.locator("#foot")).to_contain_text("Only admins post in this channel")

    assert lounge.sim.member(lounge.news, lounge.sam).is_member
    await page.get_by_role("button", name="Leave channel").click()
    await expect(page.locator("#foot").get_by_role("button", name="Join channel")).to_be_visible()
    assert not lounge.sim.member(lounge.news, lounge.sam).is_member


async def test_an_invitation_opens_the_private_channel(lounge: Lounge, open_page: OpenPage) -> None:
    """An invite link leads to the private channel, which shows nothing until one has joined."""
    lounge.sim.post(lounge.insiders, "For insiders", by=lounge.olivia)
    link = lounge.sim.invite_link(lounge.insiders, by=lounge.olivia)
    keys = [[{"text": "Join GM Insiders", "url": link.url}]]
    await lounge.call("sendMessage", chat_id=lounge.group.id, text="Join", reply_markup={"inline_keyboard": keys})
    page = await open_page(lounge.seen_by(lounge.sam))

    await page.get_by_role("link", name="Join GM Insiders").click()
    await expect(page.get_by_text("This chat is private.")).to_be_visible()
    await page.get_by_role("button", name="Join channel").click()

    await expect(page.locator(".message .text")).to_have_text(["For insiders"])


async def test_what_people_write_stays_text(lounge: Lounge, open_page: OpenPage) -> None:
    """Names, titles and messages with markup are shown literally."""
    mallory = lounge.sim.add_user("<b>Mallory</b>")
    trap = lounge.sim.add_group("<img src=x onerror=alert(1)>", owner=mallory)
    lounge.sim.say(mallory, trap, "<script>document.title='owned'</script>")

    page = await open_page(lounge.seen_by(mallory, trap))

    await expect(page.locator("#chathead h2")).to_have_text("<img src=x onerror=alert(1)>")
    await expect(page.locator(".message .text")).to_have_text(["<script>document.title='owned'</script>"])
    await expect(page.get_by_role("radio", name="<b>Mallory</b>")).to_be_visible()
    assert await page.locator(".column img, .column script, .persona b b").count() == 0
    assert await page.title() == "GMBot simulator"


async def test_entities_become_elements(lounge: Lounge, open_page: OpenPage) -> None:
    """Bold, nested italic and a mention are shown as such, whatever stands before them."""
    await lounge.call(
        "sendMessage", chat_id=lounge.group.id, parse_mode="HTML", text="\U0001f44b <b>Hi <i>you</i></b>, see @gm_news"
    )
    page = await open_page(lounge.seen_by(lounge.sam))

    await expect(page.locator(".text strong")).to_have_text("Hi you")
    await expect(page.locator(".text strong em")).to_have_text("you")
    await page.get_by_role("link", name="@gm_news").click()
    await expect(page.locator("#chathead h2")).to_have_text("GM News")


async def test_start_opens_the_private_chat(lounge: Lounge, open_page: OpenPage) -> None:
    """Start says /start to the bot, whose answer appears."""
    page = await open_page(lounge.seen_by(lounge.sam))
    await page.locator(f"[data-chat='{lounge.bot.id}']").click()
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".message .text")).to_have_text(["/start"])

    await lounge.call("sendMessage", chat_id=lounge.sam.id, text="Welcome")

    await expect(page.locator(".message .text")).to_have_text(["/start", "Welcome"])


async def test_an_admin_moderates(lounge: Lounge, open_page: OpenPage) -> None:
    """An admin mutes and unmutes a member through the list of members; a member has no such menu."""
    page = await open_page(lounge.seen_by(lounge.adam))
    row = page.locator(f"[data-member='{lounge.mia.id}']")

    await row.locator("summary").click()
    await row.get_by_role("button", name="Mute", exact=True).click()
    await expect(row.locator(".badge")).to_have_text("muted")
    await row.locator("summary").click()
    await row.get_by_role("button", name="Unmute").click()
    await expect(row.locator(".badge")).to_have_text("member")

    await page.get_by_role("radio", name="Mia").click()
    await expect(page.locator(".member summary")).to_have_count(0)


async def test_the_owner_demotes_the_bot_in_the_channel(lounge: Lounge, open_page: OpenPage) -> None:
    """The channel's owner takes the bot's rights away and gives them back."""
    page = await open_page(lounge.seen_by(lounge.olivia, lounge.news))
    row = page.locator(f"[data-member='{lounge.bot.id}']")

    await row.locator("summary").click()
    await row.get_by_role("button", name="Demote").click()
    await expect(row).to_have_count(0)
    assert not lounge.sim.member(lounge.news, lounge.bot).is_admin
    await page.get_by_label("Add somebody").select_option("Gate")

    await expect(row.locator(".badge")).to_have_text("admin")
    assert lounge.sim.member(lounge.news, lounge.bot).has("can_invite_users")


async def test_calls_appear_as_they_happen(lounge: Lounge, open_page: OpenPage) -> None:
    """The list of calls is live, newest first; a filter narrows it, a click shows all of a call."""
    page = await open_page(lounge.seen_by(lounge.sam))
    await page.get_by_role("tab", name="Bot calls").click()

    await lounge.call("getMe")
    await lounge.mute(lounge.sam)
    calls = page.locator(".call")
    await expect(calls.locator(".method")).to_have_text(["restrictChatMember", "getMe"])
    await page.get_by_label("Filter the calls").fill("restrict")
    await expect(calls).to_have_count(1)
    await calls.first.locator("summary").click()

    await expect(calls.first.locator("pre")).to_contain_text('"can_send_messages": false')
    await expect(calls.first.locator(".status")).to_have_text("200")


async def test_faults_are_switches(lounge: Lounge, open_page: OpenPage) -> None:
    """A switch makes getChatMember answer 429, and takes it back."""
    page = await open_page(lounge.seen_by(lounge.sam))
    await page.get_by_role("tab", name="Lab").click()
    flood = page.get_by_role("switch", name="Flood")
    url = f"{lounge.sim.url}/bot{lounge.bot.token}/getChatMember?chat_id={lounge.news.id}&user_id={lounge.mia.id}"

    async with page.expect_response("**/control/faults"):
        await flood.check()
    await expect(flood).to_be_checked()
    async with lounge.http.get(url) as response:
        assert response.status == 429
    async with page.expect_response("**/control/faults"):
        await flood.uncheck()
    await expect(flood).not_to_be_checked()
    async with lounge.http.get(url) as response:
        assert response.status == 200


async def test_the_keyboard_is_enough(lounge: Lounge, open_page: OpenPage) -> None:
    """Arrow keys change the person and the tab, Tab reaches the composer, Enter sends."""
    page = await open_page(lounge.seen_by(lounge.adam))
    await page.get_by_role("radio", name="Adam").focus()

    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("radio", name="Mia")).to_be_checked()
    await expect(page.get_by_role("radio", name="Mia")).to_be_focused()
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await composer(page).evaluate("node => node === document.activeElement"):
            break
    await page.keyboard.type("By keyboard")
    await page.keyboard.press("Enter")

    await expect(page.locator(".message .text")).to_have_text(["By keyboard"])
    await expect(composer(page)).to_be_focused()


async def test_a_redraw_keeps_what_is_being_written(lounge: Lounge, open_page: OpenPage) -> None:
    """Messages which arrive leave the draft and the focus alone; each person has a draft of their own."""
    page = await open_page(lounge.seen_by(lounge.mia))
    await composer(page).fill("Half a sen")

    lounge.sim.say(lounge.adam, lounge.group, "Interrupting")
    await expect(page.locator(".message .text")).to_have_text(["Interrupting"])

    await expect(composer(page)).to_have_value("Half a sen")
    await expect(composer(page)).to_be_focused()
    await page.get_by_role("radio", name="Adam").click()
    await expect(composer(page)).to_be_empty()


async def test_time_is_moved_by_hand(lounge: Lounge, open_page: OpenPage) -> None:
    """A mute for an hour is over once the clock is put forward an hour."""
    soon = lounge.sim.clock.now() + 3600
    lounge.sim.restrict(lounge.group, lounge.sam, by=lounge.adam, permissions=False, until=soon)
    page = await open_page(lounge.seen_by(lounge.sam))
    await expect(page.locator("#foot")).to_contain_text("Muted by Adam until")

    await page.get_by_role("tab", name="Lab").click()
    await page.get_by_role("button", name="+ 1 hour").click()

    await expect(composer(page)).to_be_visible()


async def test_one_edits_and_deletes_what_one_wrote(lounge: Lounge, open_page: OpenPage) -> None:
    """The menu of one's own message changes its words, marked as edited, and takes it back."""
    page = await open_page(lounge.seen_by(lounge.mia))
    await write(page, "Teh cat")
    message = page.locator(".message")

    await message.hover()
    await message.locator("summary").click()
    await message.get_by_role("button", name="Edit").click()
    await expect(composer(page)).to_have_value("Teh cat")
    await write(page, "The cat")
    await expect(message.locator(".text")).to_have_text("The cat")
    await expect(message.locator(".meta")).to_contain_text("edited")

    await message.locator("summary").click()
    await message.get_by_role("button", name="Delete").click()
    await expect(message).to_have_count(0)


async def test_a_request_to_join_is_decided_by_an_admin(lounge: Lounge, open_page: OpenPage) -> None:
    """Who asks waits, whoever may invite sees the request and lets the person in."""
    lounge.news.join_by_request = True
    page = await open_page(lounge.seen_by(lounge.sam, lounge.news))
    await page.get_by_role("button", name="Ask to join").click()
    await expect(page.locator("#foot")).to_contain_text("You asked to join")

    await page.get_by_role("radio", name="Olivia").click()
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator(f"[data-member='{lounge.sam.id}'] .badge")).to_have_text("member")

    assert lounge.sim.member(lounge.news, lounge.sam).is_member


async def test_the_owner_posts_in_the_channel(lounge: Lounge, open_page: OpenPage) -> None:
    """A post stands under the channel's name; a subscriber reads it and cannot answer."""
    page = await open_page(lounge.seen_by(lounge.olivia, lounge.news))
    await write(page, "Big news")
    await expect(page.locator(".message .text")).to_have_text(["Big news"])

    await page.get_by_role("radio", name="Mia").click()

    await expect(page.locator(".message .who")).to_contain_text("GM News")
    await expect(page.locator("#foot")).to_contain_text("Only admins post in this channel")


async def test_the_page_is_small() -> None:
    """All of its files together stay under seventy kibibytes."""
    assert sum(file.stat().st_size for file in PAGE.iterdir()) < 70 * 1024


async def test_a_slash_opens_the_menu(lounge: Lounge, open_page: OpenPage) -> None:
    """What may be used is offered while one types its name; a tap sends it."""
    lounge.bot.profile["commands:all_group_chats:::"] = [
        {"command": "help", "description": "What I can do"},
        {"command": "verify", "description": "Check whether you may write"},
    ]
    page = await open_page(lounge.seen_by(lounge.mia))
    menu = page.get_by_role("list", name="Commands").get_by_role("button")
    await expect(menu).to_have_count(0)

    await composer(page).fill("/")
    await expect(menu).to_have_text(["/helpWhat I can do", "/verifyCheck whether you may write"])
    await composer(page).fill("/he")
    await expect(menu).to_have_count(1)
    await menu.click()

    await expect(page.locator(".message .text")).to_have_text([f"/help@{lounge.bot.username}"])
    await expect(composer(page)).to_be_empty()
