"""The same way as in test_onboarding.py, read from the right."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import PHONE, OpenPage
from tests.browser.demo import running_demo
from tests.browser.newcomer import FARSI, furnish, gate, protect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.servers,
    pytest.mark.processes,
    pytest.mark.asyncio(loop_scope="session"),
]

# What is written in Arabic letters, and which way it runs.
LINES = """() => [...document.querySelectorAll('.text')].filter((node) => /\\p{Script=Arabic}/u.test(node.textContent))
  .map((node) => ({ rtl: node.matches(':dir(rtl)'), text: node.textContent }))"""


@pytest_asyncio.fixture(loop_scope="session")
async def demo(browser: object) -> AsyncIterator[str]:
    """Run `gmbot demo`; not without a browser to look at it."""
    del browser
    async with running_demo() as address:
        yield address


async def test_a_newcomer_protects_a_group_in_farsi(demo: str, open_page: OpenPage) -> None:
    """Within a minute; what the bot says runs from the right, with Latin names where the sentence has them."""
    await furnish(demo, FARSI)
    page = await open_page(demo, size=PHONE, touch=True)
    started = time.monotonic()

    async def look(_: str) -> None:
        """Look at nothing."""

    await protect(page, FARSI, look)
    seconds = time.monotonic() - started
    await gate(page, FARSI, look)
    lines = await page.evaluate(LINES)

    assert seconds < 60
    assert [line["text"] for line in lines if not line["rtl"]] == []
    assert any(f"\u2068{FARSI.channel}\u2069" in line["text"] for line in lines)
    await expect(page.locator(".key", has_text=FARSI.channel).last).to_have_css("direction", "rtl")
