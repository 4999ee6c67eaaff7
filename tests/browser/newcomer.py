"""A newcomer protects a group in the chat page, with nothing typed but /start, in English and in Farsi."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from playwright.async_api import Page, expect

from bot.core.texts import load_catalogs
from tests.browser.test_main_job import be


@dataclass(frozen=True)
class Newcomer:
    """Who takes the way, with what, and how they recognise where they are."""

    language: str
    admin: str
    group: str
    channel: str
    stranger: str
    started: str
    greeted: str
    done: str
    question: str
    """What the stranger writes in the end."""
    bot: str = "GMBot"


ENGLISH = Newcomer(
    "en",
    "Olivia",
    "Book Club",
    "Book News",
    "Sam",
    "choose your group",
    "One step is left",
    "✅ Admin of Book News",
    "Hello, which book is it?",
)
FARSI = Newcomer(
    "fa",
    "لیلا",
    "باشگاه کتاب",
    "Book World",
    "آرش",
    "سلام!",
    "تنها یک گام مانده است",
    "✅",
    "سلام! این هفته چه می‌خوانیم؟",
)

Look = Callable[[str], Awaitable[None]]
"""Is told the name of each step, when the page shows it."""


def looking(page: Page, way: str) -> Look:
    """Return what keeps a picture of each step where SCREENSHOTS names a directory."""

    async def look(name: str) -> None:
        directory = os.environ.get("SCREENSHOTS")
        if directory:
            await page.screenshot(path=Path(directory) / f"{way}-{name}.png")

    return look


async def furnish(address: str, who: Newcomer) -> None:
    """Add people who speak the language, and a group and a channel that the bot does not know."""
    async with aiohttp.ClientSession() as http:

        async def act(user: int, action: str, **params: object) -> dict[str, object]:
            body = {"user": user, "action": action, **params}
            async with http.post(f"{address}control/act", json=body) as response:
                told = await response.json()
            assert response.ok, told
            result = told["result"]
            return result if isinstance(result, dict) else {}

        async with http.get(f"{address}control/state") as response:
            somebody = (await response.json())["users"][0]["id"]
        admin = int(str((await act(somebody, "add_user", name=who.admin, language_code=who.language))["id"]))
        stranger = int(str((await act(somebody, "add_user", name=who.stranger, language_code=who.language))["id"]))
        group = await act(admin, "add_group", title=who.group)
        await act(admin, "add_channel", title=who.channel)
        await act(admin, "add", chat=group["key"], target=stranger)


async def protect(page: Page, who: Newcomer, look: Look) -> None:
    """Go the whole way, from Start to a stranger who is asked to join."""
    texts = load_catalogs()
    await be(page, who.admin)
    await chats(page)
    await chat(page, who.bot)
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".message", has_text=who.started)).to_be_visible()
    await look("1-start")
    await press(page, texts.toast("start.add_button", who.language))
    await page.locator("#picker").get_by_role("button", name=who.group).click()
    await expect(page.locator(".message", has_text=who.greeted)).to_be_visible()
    await look("2-greeting")
    await press(page, texts.toast("onboarding.choose_button", who.language))
    pick = texts.toast("onboarding.pick_button", who.language)
    await page.locator(".replykeys").get_by_role("button", name=pick).click()
    await look("3-pick-channel")
    await page.locator("#picker").get_by_role("button", name=who.channel).click()
    await expect(page.locator(".message", has_text=who.done).last).to_contain_text(who.channel)
    await look("4-done")


async def gate(page: Page, who: Newcomer, look: Look) -> None:
    """Have somebody write who is not in the channel."""
    await be(page, who.stranger)
    await chats(page)
    await chat(page, who.group)
    composer = page.get_by_role("textbox", name="Message", exact=True)
    await composer.fill(who.question)
    await composer.press("Enter")
    await expect(page.locator("#foot")).to_contain_text("You can't send messages here")
    await expect(page.locator(".message", has_text=who.stranger).last).to_contain_text(who.channel)
    await look("5-gated")


async def chats(page: Page) -> None:
    """Show the list of chats, which a phone hides behind a button."""
    button = page.get_by_role("navigation", name="Views").get_by_role("button", name="Chats")
    if await button.is_visible():
        await button.click()


async def chat(page: Page, title: str) -> None:
    """Open a chat. The list shows what was said last, too, and by whom."""
    await page.locator("#chatlist").get_by_role("button").filter(has=page.get_by_text(title, exact=True)).click()
    await expect(page.locator("#chathead h2")).to_have_text(title)


async def press(page: Page, label: str) -> None:
    """Press the newest button with this label."""
    await page.locator("#log").locator(f".key:has-text('{label}')").last.click()
