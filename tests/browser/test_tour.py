"""The guided tour ticks itself as the story happens; the page survives the loss of its stream."""

import re

import pytest
from playwright.async_api import Page, expect

from bot.simulator import Simulator
from tests.browser.conftest import OpenPage
from tests.browser.lounge import Lounge

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

STEPS = ("protected", "muted", "prompted", "early", "joined", "freed", "left", "gated")


async def expect_done(page: Page, count: int) -> None:
    """Wait until so many steps are done, in their order."""
    for index, name in enumerate(STEPS):
        state = re.compile("done" if index < count else "now|later")
        await expect(page.locator(f"[data-step={name}]")).to_have_attribute("data-state", state)


async def test_the_tour_follows_the_story(lounge: Lounge, open_page: OpenPage) -> None:
    """Each step is ticked when it has happened and not before; a reload forgets nothing."""
    page = await open_page(lounge.seen_by(lounge.sam))
    await expect_done(page, 0)

    await lounge.call("sendMessage", chat_id=lounge.group.id, text="This group is now protected by GM News.")
    await expect_done(page, 1)
    await lounge.mute(lounge.sam)
    await expect_done(page, 2)
    await lounge.prompt()
    await expect_done(page, 3)
    await page.get_by_role("button", name="I have joined").click()
    await expect(page.locator(".key[aria-busy=true]")).to_be_visible()
    await lounge.answer_press("Not yet.")
    await expect_done(page, 4)
    await page.get_by_role("link", name="Join GM News").click()
    await page.get_by_role("button", name="Join channel").click()
    await expect_done(page, 5)
    await page.reload()
    await expect_done(page, 5)
    await lounge.free(lounge.sam)
    await expect_done(page, 6)
    await page.get_by_role("button", name="Leave channel").click()
    await expect_done(page, 7)
    await lounge.mute(lounge.sam)

    await expect_done(page, 8)
    await expect(page.locator("#guide")).to_contain_text("That is the whole of it.")


async def test_show_me_prepares_the_step(lounge: Lounge, open_page: OpenPage) -> None:
    """The tour's button changes the person and writes the words, and sends nothing by itself."""
    page = await open_page(lounge.seen_by(lounge.mia))

    await page.get_by_role("button", name="Show me").click()

    await expect(page.get_by_role("radio", name="Adam")).to_be_checked()
    composer = page.get_by_role("textbox", name="Message", exact=True)
    await expect(composer).to_have_value("/protect @gm_news")
    assert [message.text for message in lounge.sim.messages(lounge.group) if message.text] == []


async def test_a_hidden_tour_stays_hidden(lounge: Lounge, open_page: OpenPage) -> None:
    """Who sends the tour away does not meet it again after a reload."""
    page = await open_page(lounge.seen_by(lounge.mia))

    await page.get_by_role("button", name="Hide").click()
    await page.reload()
    await expect(page.get_by_role("radio", name="Mia")).to_be_checked()

    await expect(page.locator("#guide")).to_be_hidden()


async def test_the_page_comes_back_by_itself(open_page: OpenPage) -> None:
    """A restart of the simulator is said, and then forgotten: the page shows the new world."""
    first = Simulator(seed=1)
    ann = first.add_user("Ann")
    group = first.add_group("Before", owner=ann)
    async with first.serving() as served:
        port = int(served.url.rpartition(":")[2])
        page = await open_page(f"{served.url}/#{ann.id}/{group.id}", may_fail=True)
        await expect(page.locator("#chathead h2")).to_have_text("Before")
    await expect(page.locator("#link")).to_have_text("Reconnecting")

    second = Simulator(seed=2)
    second.add_group("After", owner=second.add_user("Ben"))
    async with second.serving(port=port):
        await expect(page.locator("#chathead h2")).to_have_text("After")
        await expect(page.locator("#link")).to_have_text("Live")
