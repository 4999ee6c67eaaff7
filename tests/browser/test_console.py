"""The console in a real browser: a newcomer's way, the live feed, and every page for every eye."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it comes without types
from playwright.async_api import Locator, Page, expect
from redis.asyncio import Redis

from bot.core.embedded import EmbeddedServers
from bot.simulator import Simulator
from tests.acceptance.operators.test_console import NASTY, link_to
from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.test_look import width_beyond_the_screen
from tests.kits.platform import Lounge, Platform, add_group, eventually, furnish
from tests.kits.servers import fresh_database

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.asyncio(loop_scope="session")]


@dataclass
class Office:
    """A deployment with a protected group, and its console."""

    lounge: Lounge
    platform: Platform
    url: str

    async def link(self) -> str:
        """Make a link into the console."""
        return await link_to(self.platform, self.url)

    async def enter(self, page: Page) -> None:
        """Press the button of a link that is open."""
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    def pages(self) -> dict[str, str]:
        """Return every page by its name."""
        lounge = self.lounge
        group = f"{lounge.bot.id}/{lounge.group.id}"
        explain = f"bot={lounge.bot.id}&group={lounge.group.id}&user={lounge.stranger.id}"
        names = ("bots", "groups", "channels", "verifications", "performance", "operations", "audit", "settings")
        return {
            "overview": "",
            **{name: name for name in names},
            "bot": f"bots/{lounge.bot.id}",
            "group": f"groups/{group}",
            "explain": f"verifications/explain?{explain}",
        }


@asynccontextmanager
async def open_platform(servers: EmbeddedServers) -> AsyncIterator[tuple[Lounge, Platform]]:
    """Serve a simulator with a group, and prepare to start instances."""
    async with Simulator().serving() as sim, fresh_database(servers) as database:
        client = Redis.from_url(servers.redis_url)
        await client.flushall()
        await client.aclose()
        lounge = furnish(sim)
        yield lounge, Platform(sim, database, servers.redis_url, lounge.bot)


@pytest_asyncio.fixture(loop_scope="session")
async def office(servers: EmbeddedServers, tmp_path: Path) -> AsyncIterator[Office]:
    """Run an instance in which somebody is muted, with names that look like markup."""
    async with AsyncExitStack() as stack:
        lounge, platform = await stack.enter_async_context(open_platform(servers))
        lounge.group.title = NASTY
        url = await stack.enter_async_context(platform.instance(BACKUP_DIR=str(tmp_path / "backups")))
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        lounge.sim.say(lounge.stranger, lounge.group, "hello")
        await lounge.until_muted(lounge.stranger)
        await lounge.settled()
        yield Office(lounge, platform, url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_every_page_is_for_everybody(
    office: Office, open_page: OpenPage, scheme: str, size: tuple[int, int]
) -> None:
    """Axe finds nothing serious, nothing hangs over the edge, no browser complains, in the light and in the dark."""
    page = await open_page(await office.link(), scheme=scheme, size=size, origin=office.url)
    faults = await serious(page, "login")
    await office.enter(page)
    for name, path in office.pages().items():
        await page.goto(f"{office.url}/console/{path}")
        await unfold(page, name)
        faults += await serious(page, name)

        assert await width_beyond_the_screen(page) <= 0, name

    refused = await open_page(await office.link(), scheme=scheme, size=size, may_fail=True)
    await office.enter(refused)
    await refused.goto(f"{office.url}/console/{office.pages()['group']}?done=policy")
    await refused.get_by_role("button", name="Send").click()
    await expect(refused.get_by_role("alert")).to_be_visible()
    await expect(refused.get_by_role("status")).to_be_visible()
    faults += await serious(refused, "notices")
    await refused.goto(f"{office.url}/console/nothing")
    faults += await serious(refused, "refused")

    assert await width_beyond_the_screen(refused) <= 0
    assert faults == []


async def unfold(page: Page, name: str) -> None:
    """Open whatever a page has folded away, and wait for what comes later."""
    folded = page.locator("details:not([open]) > summary")
    while await folded.count():
        await folded.first.click()
    match name:
        case "overview":
            await expect(page.locator(".chart[data-ready]")).to_be_visible()
        case "bot":
            await expect(page.get_by_role("region", name="Webhook")).to_contain_text("Updates that wait")
        case "group":
            await expect(page.get_by_role("region", name="Rights by chat")).to_be_visible()
            await expect(page.get_by_role("button", name="Save the policy")).to_be_visible()
        case "operations":
            await page.get_by_role("button", name="Examine now").click()
            await expect(page.get_by_role("region", name="Findings")).to_be_visible()
            await page.get_by_role("button", name="Back up now").click()
            await expect(page.locator("#backup-job")).to_contain_text("Done", timeout=60_000)
            await expect(page.get_by_role("region", name="Backups, the newest first")).to_be_visible()
        case _:
            pass


async def serious(page: Page, name: str) -> list[str]:
    """Return what keeps somebody from using a page."""
    found = await Axe().run(page)
    return [
        f"{name}: {violation['id']} {[node['html'] for node in violation['nodes']][:2]}"
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


async def test_the_page_is_alive(office: Office, open_page: OpenPage) -> None:
    """What happens in a group is seen without a reload, and once."""
    page = await open_page(await office.link(), origin=office.url)
    await office.enter(page)
    await expect(page.locator("#live-state")).to_have_text("live")
    lounge = office.lounge
    stranger = lounge.sim.add_user("Nora")
    lounge.sim.join(stranger, lounge.group)

    line = page.locator("#live li", has_text="Nora").filter(has=page.locator(".badge", has_text=re.compile("^muted$")))
    await expect(line).to_have_count(1)
    await line.get_by_role("link", name="Nora").click()

    await expect(page.get_by_text("They are muted until they join the missing channels.")).to_be_visible()


async def test_a_search_narrows_while_one_types(office: Office, open_page: OpenPage) -> None:
    """And the address keeps what was searched for."""
    lounge = office.lounge
    other = add_group(lounge.sim, lounge.bot, lounge.owner, "Quiet corner")
    lounge.sim.say(lounge.owner, other, f"/protect @{lounge.news.username}")
    await eventually(lambda: bool(lounge.said(other)), "an answer to /protect")
    page = await open_page(await office.link(), origin=office.url)
    await office.enter(page)
    await page.get_by_role("navigation", name="Console").get_by_role("link", name="Groups").click()
    await expect(page.locator("#rows tbody tr")).to_have_count(2)

    await page.get_by_role("searchbox", name="Search").fill("quiet")
    await expect(page.locator("#rows tbody tr")).to_have_count(1)
    await expect(page).to_have_url(re.compile("search=quiet"))
    await page.get_by_role("searchbox", name="Search").fill("<script>")

    await expect(page.locator("#rows tbody tr")).to_have_count(1)


async def test_a_newcomer_hosts_a_second_bot_and_sees_its_group(office: Office, open_page: OpenPage) -> None:
    """Without reading more than the pages say: a token, a group, a channel, and it is there."""
    lounge = office.lounge
    second = lounge.sim.add_bot(username="second_bot", first_name="Second")
    page = await open_page(await office.link(), origin=office.url, may_fail=True)
    await office.enter(page)
    await page.get_by_role("navigation", name="Console").get_by_role("link", name="Bots").click()
    await page.get_by_label("Token").fill("nonsense")
    await page.get_by_role("button", name="Add the bot").click()
    await expect(page.get_by_role("alert")).to_contain_text("token looks like")
    await page.get_by_label("Token").fill(second.token)
    await page.get_by_role("button", name="Add the bot").click()
    await expect(page.get_by_role("status")).to_contain_text("hosted")
    await eventually(lambda: any(c.bot_id == second.id for c in lounge.sim.calls_of("setWebhook")), "it is served")

    club = add_group(lounge.sim, second, lounge.owner, "Book Club")
    lounge.sim.promote(lounge.news, second, can_invite_users=True)
    lounge.sim.say(lounge.owner, club, f"/protect @{lounge.news.username}")
    await eventually(lambda: bool(lounge.sim.calls_of("sendMessage")), "it answers")

    await eventually(lambda: _is_listed(page, office, "Book Club"), "the group is listed")
    await page.get_by_role("link", name="Book Club").click()
    await expect(page.get_by_role("heading", name="Book Club")).to_contain_text("protected")
    await expect(page.get_by_role("region", name="Rights by chat").get_by_text("missing")).to_have_count(0)


async def test_a_group_is_paused_warmed_set_and_written_to(office: Office, open_page: OpenPage) -> None:
    """Each with an answer on the page."""
    page = await open_page(await office.link(), origin=office.url, may_fail=True)
    await office.enter(page)
    lounge = office.lounge
    await page.goto(f"{office.url}/console/groups/{lounge.bot.id}/{lounge.group.id}")
    await page.get_by_role("button", name="Warm the cache").click()
    await expect(page.locator("#warm")).to_contain_text("Done", timeout=60_000)
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_have_text("Message cannot be empty")
    await page.get_by_role("textbox", name="Message").fill("The meet-up is on Friday.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("status")).to_contain_text("sent")
    await page.get_by_text("Change the policy").click()
    await page.get_by_label("Edited messages").select_option("are left alone")
    await page.get_by_role("button", name="Save the policy").click()
    await expect(page.get_by_role("status")).to_contain_text("in force")
    await expect(page.get_by_role("definition").filter(has_text="are left alone")).to_be_visible()
    await page.get_by_role("button", name="Pause and free everybody").click()

    await expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    await lounge.until_free(lounge.stranger)
    await lounge.until_said("The meet-up is on Friday.")


async def test_the_keyboard_is_enough(office: Office, open_page: OpenPage) -> None:
    """Tab comes to the content and to a button, which shows that it has the focus; Enter presses it."""
    page = await open_page(await office.link(), origin=office.url)
    await office.enter(page)
    lounge = office.lounge
    await page.goto(f"{office.url}/console/groups/{lounge.bot.id}/{lounge.group.id}")
    # What comes later would move what Tab comes to.
    await expect(page.get_by_role("region", name="Rights by chat")).to_be_visible()
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport(ratio=1)
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    button = page.get_by_role("button", name="Pause and free everybody")
    await tab_to(page, button)
    await expect(button).to_have_css("outline-style", "solid")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    await lounge.until_free(lounge.stranger)


async def tab_to(page: Page, target: Locator, most: int = 10) -> None:
    """Press Tab until the focus is there."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{most} times Tab do not lead there")


async def _is_listed(page: Page, office: Office, title: str) -> bool:
    await page.goto(f"{office.url}/console/groups")
    return await page.get_by_role("link", name=title).count() == 1
