"""A newcomer protects a group in the chat page, with nothing typed but /start."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.demo import running_demo
from tests.browser.newcomer import ENGLISH, gate, looking, protect

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


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_a_newcomer_protects_a_group_without_typing(demo: str, open_page: OpenPage, *, phone: bool) -> None:
    """Start, add to a group, choose the channel: a stranger is gated, all within a minute."""
    page = await open_page(demo, size=PHONE if phone else DESKTOP, touch=phone)
    look = looking(page, "onboarding")
    started = time.monotonic()
    await protect(page, ENGLISH, look)
    seconds = time.monotonic() - started
    await gate(page, ENGLISH, look)

    assert seconds < 60
