"""From `make run` to a second bot, with nothing but what the pages say."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.demo import running_demo_with_console

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.asyncio(loop_scope="session")]


async def test_the_demonstration_leads_to_a_second_bot(open_page: OpenPage) -> None:
    """The link that is printed lets in, the lab shows a token that nobody uses, and the console hosts its bot."""
    async with running_demo_with_console() as (chat, link):
        lab = await open_page(chat)
        await lab.get_by_role("tab", name="Lab").click()
        token = await lab.get_by_role("textbox", name="@gm_second_bot").input_value()
        console = await open_page(link, origin=link.partition("/console")[0])
        await console.get_by_role("button", name="Continue").click()
        await console.get_by_role("navigation", name="Console").get_by_role("link", name="Bots").click()
        await expect(console.get_by_text("open Lab on the chat page")).to_be_visible()
        await console.get_by_label("Token").fill(token)
        await console.get_by_role("button", name="Add the bot").click()

        await expect(console.get_by_role("status")).to_contain_text("hosted")
        await expect(lab.get_by_text("Hosted. Its token:")).to_have_count(2)
        # Pages that outlive the demonstration would complain that nobody answers.
        for page in (lab, console):
            await page.close()
