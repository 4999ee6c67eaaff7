"""A newcomer protects a group in the chat page, with nothing typed but /start."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.demo import running_demo
from tests.browser.test_main_job import CANNOT, be, go, write

pytestmark = [
    pytest.mark.browser,
    pytest.mark.servers,
    pytest.mark.processes,
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: object) -> AsyncIterator[str]:
    """Run `gmbot demo`; not without a browser to look at it."""
    del browser
    async with running_demo() as address:
        yield address


async def look(page: Page, name: str) -> None:
    """Keep a picture of the page where SCREENSHOTS names a directory."""
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        await page.screenshot(path=Path(directory) / f"onboarding-{name}.png")


async def click_last(page: Page, name: str) -> None:
    """Press the newest button or link of that name among the messages."""
    await page.locator("#log").locator(f".key:has-text('{name}')").last.click()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_a_newcomer_protects_a_group_without_typing(demo: str, open_page: OpenPage, *, phone: bool) -> None:
    """Start, add to a group, choose the channel: a stranger is gated, all within a minute."""
    page = await open_page(demo, size=PHONE if phone else DESKTOP, touch=phone)
    await be(page, "Olivia")
    if phone:
        await page.get_by_role("navigation", name="Views").get_by_role("button", name="Chats").click()
    await page.locator("#chatlist").get_by_role("button", name="GMBot Press Start").click()
    started = time.monotonic()
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".message", has_text="Add me to the group")).to_be_visible()
    await look(page, "1-start")
    await click_last(page, "Add me to a group")
    await look(page, "2-pick-group")
    await page.locator("#picker").get_by_role("button", name="Book Club").click()
    await expect(page.locator(".message", has_text="One step is left")).to_be_visible()
    await look(page, "3-greeting")
    await click_last(page, "Choose the channel")
    await page.locator(".replykeys").get_by_role("button", name="Pick the channel").click()
    await look(page, "4-pick-channel")
    await page.locator("#picker").get_by_role("button", name="Book News").click()
    await expect(page.locator(".message", has_text="✅ Admin of Book News")).to_be_visible()
    seconds = time.monotonic() - started
    await look(page, "5-done")
    await be(page, "Sam")
    await go(page, "Book Club", phone=phone)
    await write(page, "Hello, which book is it?")
    await expect(page.locator("#foot")).to_contain_text(CANNOT)
    await look(page, "6-gated")

    assert seconds < 60
