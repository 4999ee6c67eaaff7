"""From `make run` to a second bot with a protected group, with nothing but what the pages say."""

from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.demo import running_demo_with_console
from tests.browser.newcomer import ENGLISH, Look, gate, looking, protect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.servers,
    pytest.mark.processes,
    pytest.mark.asyncio(loop_scope="session"),
]


async def open_console(page: Page) -> None:
    """Use the link up and go where bots are added."""
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("navigation", name="Console").get_by_role("link", name="Bots").click()
    await expect(page.get_by_text("stands for @BotFather")).to_be_visible()


async def make_a_bot(page: Page, look: Look, *, phone: bool) -> str:
    """Create a bot in the lab of the chat page and return the token that it shows."""
    if phone:
        await page.get_by_role("navigation", name="Views").get_by_role("button", name="Details").click()
    await page.get_by_role("tab", name="Lab").click()
    await page.get_by_label("Name", exact=True).fill("Librarian")
    await page.get_by_label("Username").fill("librarian_bot")
    await page.get_by_role("button", name="Create").click()
    token = page.get_by_role("textbox", name="@librarian_bot Nobody hosts it. Its token:")
    await token.focus()
    await look("0-token")
    return await token.input_value()


async def host(console: Page, token: str, look: Look) -> None:
    """Add the bot, and read what comes next."""
    await console.get_by_label("Token").fill(token)
    await look("0-add")
    await console.get_by_role("button", name="Add the bot").click()
    await expect(console.get_by_role("status")).to_contain_text("hosted")
    await expect(console.get_by_text("open the chat with librarian_bot and press Start")).to_be_visible()
    await look("0-added")


async def see_its_group(console: Page, look: Look) -> None:
    """Find the group through its bot, protected and with nothing missing."""
    await console.get_by_role("navigation", name="Console").get_by_role("link", name="Bots").click()
    row = console.get_by_role("row", name="@librarian_bot")
    await expect(row.get_by_role("link", name="1", exact=True)).to_be_visible()
    await look("6-bots")
    await row.get_by_role("link", name="1", exact=True).click()
    await console.get_by_role("link", name="Book Club").click()
    await expect(console.get_by_role("heading", name="Book Club")).to_contain_text("protected")
    await expect(console.get_by_role("region", name="Rights by chat").get_by_text("missing")).to_have_count(0)
    await look("7-group")


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_the_demonstration_leads_to_a_second_bot_with_a_group(open_page: OpenPage, *, phone: bool) -> None:
    """A bot is made in the lab, hosted in the console, started and obeyed: its group is gated, and listed."""
    size, way = PHONE if phone else DESKTOP, f"second-bot-{'phone' if phone else 'desktop'}"
    async with running_demo_with_console() as (chat, link):
        console = await open_page(link, origin=link.partition("/console")[0], size=size, touch=phone)
        await open_console(console)
        page = await open_page(chat, size=size, touch=phone)
        look, look_at_console = looking(page, way), looking(console, f"{way}-console")
        await host(console, await make_a_bot(page, look, phone=phone), look_at_console)
        await expect(page.get_by_role("textbox", name="@librarian_bot Hosted. Its token:")).to_be_attached()
        who = replace(ENGLISH, bot="Librarian")
        await protect(page, who, look)
        await gate(page, who, look)
        await see_its_group(console, look_at_console)
        # Pages that outlive the demonstration would complain that nobody answers.
        for opened in (page, console):
            await opened.close()
