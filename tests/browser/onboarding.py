"""The way of a newcomer in the chat page: a bot is started, added to a group and given a channel, without typing."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.test_main_job import CANNOT, be, go, write

Look = Callable[[Page, str], Awaitable[None]]


def looking(way: str) -> Look:
    """Return what keeps a picture of a page where SCREENSHOTS names a directory."""

    async def look(page: Page, name: str) -> None:
        directory = os.environ.get("SCREENSHOTS")
        if directory:
            await page.screenshot(path=Path(directory) / f"{way}-{name}.png")

    return look


async def open_bot(page: Page, name: str, *, phone: bool) -> None:
    """Be Olivia and open the chat with a bot that nobody has written to."""
    await be(page, "Olivia")
    if phone:
        await page.get_by_role("navigation", name="Views").get_by_role("button", name="Chats").click()
    await page.locator("#chatlist").get_by_role("button", name=f"{name} Press Start").click()


async def protect_book_club(page: Page, look: Look) -> None:
    """Start the bot and do what it says, until Book Club requires Book News."""
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".message", has_text="choose your group")).to_be_visible()
    await look(page, "1-start")
    await _press(page, "Add me to a group")
    await look(page, "2-pick-group")
    await page.locator("#picker").get_by_role("button", name="Book Club").click()
    await expect(page.locator(".message", has_text="One step is left")).to_be_visible()
    await look(page, "3-greeting")
    await _press(page, "Choose the channel")
    await page.locator(".replykeys").get_by_role("button", name="Pick the channel").click()
    await look(page, "4-pick-channel")
    await page.locator("#picker").get_by_role("button", name="Book News").click()
    await expect(page.locator(".message", has_text="✅ Admin of Book News")).to_be_visible()


async def be_gated(page: Page, look: Look, *, phone: bool) -> None:
    """Let a stranger write in Book Club and find the composer gone."""
    await be(page, "Sam")
    await go(page, "Book Club", phone=phone)
    await write(page, "Hello, which book is it?")
    await expect(page.locator("#foot")).to_contain_text(CANNOT)
    await look(page, "6-gated")


async def _press(page: Page, name: str) -> None:
    """Press the newest button or link of that name among the messages."""
    await page.locator("#log").locator(f".key:has-text('{name}')").last.click()
