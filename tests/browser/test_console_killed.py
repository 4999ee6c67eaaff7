"""The live feed in a real browser, when the instance that serves it is killed."""

import pytest
from playwright.async_api import Locator, Page, expect

from bot.core.embedded import EmbeddedServers
from tests.acceptance.operators.test_console import link_to
from tests.browser.conftest import OpenPage
from tests.browser.test_console import open_platform
from tests.kits.platform import balancer, eventually
from tests.kits.ports import free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.servers,
    pytest.mark.processes,
    pytest.mark.asyncio(loop_scope="session"),
]

# The page's state may have changed twice before anybody looks.
_REMEMBER_STATES = """state => {
    window.states = [];
    new MutationObserver(() => window.states.push(state.textContent)).observe(state, {childList: true});
}"""


def muted(page: Page, name: str) -> Locator:
    """Return the lines that tell that somebody was muted."""
    return page.locator("#live li", has_text=name).filter(has=page.get_by_text("muted", exact=True))


async def test_a_page_is_alive_again_after_its_instance_was_killed(
    servers: EmbeddedServers, open_page: OpenPage
) -> None:
    """It says that it comes back, is live again by the other instance, and tells everything once."""
    first, second, front = free_port(), free_port(), free_port()
    address = f"http://127.0.0.1:{front}"
    async with (
        open_platform(servers) as (lounge, platform),
        balancer(front, first, second),
        platform.process(first, WEBHOOK_URL=address) as victim,
        platform.process(second, WEBHOOK_URL=address),
    ):
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        # The browser complains about the stream that broke off.
        page = await open_page(await link_to(platform, address), origin=address, may_fail=True)
        await page.get_by_role("button", name="Continue").click()
        live = page.locator("#live-state")
        await expect(live).to_have_text("live")
        lounge.sim.join(lounge.sim.add_user("Nora"), lounge.group)
        await expect(muted(page, "Nora")).to_have_count(1)
        await live.evaluate(_REMEMBER_STATES)

        victim.kill()
        lounge.sim.join(lounge.sim.add_user("Vera"), lounge.group)
        await eventually(lambda: _has_said(page, "reconnecting"), "the page says that it comes back")
        await expect(live).to_have_text("live")
        await expect(muted(page, "Vera")).to_have_count(1)
        lounge.sim.join(lounge.sim.add_user("Iris"), lounge.group)
        await expect(muted(page, "Iris")).to_have_count(1)

        await expect(muted(page, "Nora")).to_have_count(1)
        await expect(muted(page, "Vera")).to_have_count(1)
        lines = await page.locator("#live li").evaluate_all("lines => lines.map(line => line.dataset.line)")
        assert len(lines) == len(set(lines))
        # A page that outlives the instances would complain that nobody answers.
        await page.close()


async def _has_said(page: Page, state: str) -> bool:
    return state in await page.evaluate("() => window.states")
