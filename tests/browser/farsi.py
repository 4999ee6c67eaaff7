"""A newcomer who speaks Farsi protects a group in the chat page, with nothing typed but /start."""

from collections.abc import Awaitable, Callable

import aiohttp
from playwright.async_api import Page, expect

from bot.core.texts import Catalogs, load_catalogs

ADMIN, GROUP, CHANNEL, STRANGER = "لیلا", "باشگاه کتاب", "Book World", "آرش"

Look = Callable[[str], Awaitable[None]]
"""Is told the name of each step, when the page shows it."""


async def furnish(address: str) -> None:
    """Add people who speak Farsi, and a group and a channel that the bot does not know."""
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
        admin = int(str((await act(somebody, "add_user", name=ADMIN, language_code="fa"))["id"]))
        stranger = int(str((await act(somebody, "add_user", name=STRANGER, language_code="fa"))["id"]))
        group = await act(admin, "add_group", title=GROUP)
        await act(admin, "add_channel", title=CHANNEL)
        await act(admin, "add", chat=group["key"], target=stranger)


async def protect(page: Page, look: Look) -> None:
    """Go the whole way, from Start to a stranger who is asked to join."""
    texts = load_catalogs()
    await page.get_by_role("radio", name=ADMIN).click()
    await chats(page)
    await page.locator("#chatlist").get_by_role("button", name="GMBot").click()
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".message", has_text="سلام!")).to_be_visible()
    await look("1-start")
    await press(page, texts, "start.add_button")
    await page.locator("#picker").get_by_role("button", name=GROUP).click()
    await expect(page.locator(".message", has_text="تنها یک گام مانده است")).to_be_visible()
    await look("2-greeting")
    await press(page, texts, "onboarding.choose_button")
    pick = texts.toast("onboarding.pick_button", "fa")
    await page.locator(".replykeys").get_by_role("button", name=pick).click()
    await look("3-pick-channel")
    await page.locator("#picker").get_by_role("button", name=CHANNEL).click()
    await expect(page.locator(".message", has_text="✅").last).to_contain_text(CHANNEL)
    await look("4-done")


async def gate(page: Page, look: Look) -> None:
    """Have somebody write who is not in the channel."""
    await page.get_by_role("radio", name=STRANGER).click()
    await chats(page)
    # The list shows what was said last, too, and the bot has named the group.
    title = page.get_by_text(GROUP, exact=True)
    await page.locator("#chatlist").get_by_role("button").filter(has=title).click()
    composer = page.get_by_role("textbox", name="Message", exact=True)
    await composer.fill("سلام! این هفته چه می‌خوانیم؟")
    await composer.press("Enter")
    await expect(page.locator("#foot")).to_contain_text("You can't send messages here")
    await expect(page.locator(".message", has_text=STRANGER).last).to_contain_text(CHANNEL)
    await look("5-gated")


async def chats(page: Page) -> None:
    """Show the list of chats, which a phone hides behind a button."""
    button = page.get_by_role("navigation", name="Views").get_by_role("button", name="Chats")
    if await button.is_visible():
        await button.click()


async def press(page: Page, texts: Catalogs, key: str) -> None:
    """Press the newest button with this label."""
    await page.locator("#log").locator(f".key:has-text('{texts.toast(key, 'fa')}')").last.click()
