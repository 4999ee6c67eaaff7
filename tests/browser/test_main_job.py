"""The whole of the main job, played in a browser against the bot as it really runs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.demo import running_demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.servers,
    pytest.mark.processes,
    pytest.mark.asyncio(loop_scope="session"),
]

CANNOT = "You can't send messages here"


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: object) -> AsyncIterator[str]:
    """Run `gmbot demo`; not without a browser to look at it."""
    del browser
    async with running_demo() as address:
        yield address


def composer(page: Page) -> Locator:
    """Return the field one writes in."""
    return page.get_by_role("textbox", name="Message", exact=True)


async def be(page: Page, name: str) -> None:
    """Become somebody, in the group."""
    await page.get_by_role("radio", name=name).click()
    await expect(page.get_by_role("radio", name=name)).to_be_checked()


async def write(page: Page, text: str) -> None:
    """Write in the chat."""
    await composer(page).fill(text)
    await composer(page).press("Enter")


async def go(page: Page, chat: str, *, phone: bool) -> None:
    """Open a chat from the list."""
    if phone:
        await page.get_by_role("navigation", name="Views").get_by_role("button", name="Chats").click()
    await page.locator("#chatlist").get_by_role("button", name=chat).click()
    await expect(page.locator("#chathead h2")).to_have_text(chat)


async def protect_the_group(page: Page) -> None:
    """Let Adam turn the gate on."""
    await be(page, "Adam")
    await write(page, "/protect @gm_news")
    await expect(page.locator(".message", has_text="GM News").last).to_contain_text("To write here")


async def be_muted_and_press_too_early(page: Page) -> Locator:
    """Let Sam speak, be muted and press in vain; return the prompt."""
    await be(page, "Sam")
    await write(page, "Hello, I am new here")
    await expect(page.locator("#foot")).to_contain_text(CANNOT)
    await expect(page.locator(".message", has_text="Hello, I am new here")).to_have_count(0)
    prompt = page.locator(".message", has=page.locator(".key")).last
    await prompt.get_by_role("button", name="joined").click()
    await expect(page.locator(".toast, #alert[open]").first).to_contain_text("GM News")
    await page.keyboard.press("Escape")
    await expect(page.locator("#foot")).to_contain_text(CANNOT)
    return prompt


async def join_and_speak(page: Page, prompt: Locator, *, phone: bool) -> None:
    """Let Sam join through the prompt and write without another press."""
    await prompt.get_by_role("link", name="GM News").click()
    await page.get_by_role("button", name="Join channel").click()
    await expect(page.locator("#foot")).to_contain_text("Only admins post")
    await go(page, "GM Lounge", phone=phone)
    await write(page, "I am in")
    await expect(page.locator(".message.own", has_text="I am in")).to_be_visible()
    await expect(page.locator(".message .key")).to_have_count(0)


async def leave_and_be_gated(page: Page, *, phone: bool) -> None:
    """Let Sam leave the channel and find the composer gone."""
    await go(page, "GM News", phone=phone)
    if phone:
        await page.get_by_role("button", name="Members and details").click()
    await page.get_by_role("button", name="Leave channel").click()
    await go(page, "GM Lounge", phone=phone)
    await expect(page.locator("#foot")).to_contain_text(CANNOT)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_the_main_job(demo: str, open_page: OpenPage, *, phone: bool) -> None:
    """A stranger speaks, is muted, presses too early, joins, is free without a press; leaves, is gated again."""
    page = await open_page(demo, size=PHONE if phone else DESKTOP, touch=phone)

    await protect_the_group(page)
    prompt = await be_muted_and_press_too_early(page)
    await join_and_speak(page, prompt, phone=phone)
    await leave_and_be_gated(page, phone=phone)

    await expect(page.locator("#guide")).to_contain_text("That is the whole of it.")


async def test_a_member_never_notices(demo: str, open_page: OpenPage) -> None:
    """Who is in the channel writes as before, in a protected group too."""
    page = await open_page(demo)
    await protect_the_group(page)

    await be(page, "Mia")
    await write(page, "What a fine day")

    await expect(page.locator(".message.own", has_text="What a fine day")).to_be_visible()
    await page.get_by_role("tab", name="Bot calls").click()
    await expect(page.locator(".call .method", has_text="restrictChatMember")).to_have_count(0)
