"""A browser for the whole run, a world for each test, and pages that must stay without errors."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Error, Page, Request, expect

from tests.browser.chromium import ChromiumMissingError, chromium
from tests.browser.lounge import Lounge, open_lounge
from tests.kits.platform import PATIENCE_SECONDS

DESKTOP = (1280, 800)
PHONE = (390, 844)

OpenPage = Callable[..., Awaitable[Page]]


def watch_for_trouble(page: Page, origin: str, complaints: list[str]) -> None:
    """Note every warning and error, and every request that leaves the origin."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith(origin):
            complaints.append(f"asked for {request.url}")

    def on_error(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", on_console)
    page.on("request", on_request)
    page.on("pageerror", on_error)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; without one they are skipped, unless REQUIRE_BROWSER is 1."""
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    try:
        async with chromium() as started:
            yield started
    except ChromiumMissingError as error:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(str(error))
        pytest.skip(f"BROWSER TESTS ARE LEFT OUT. {error}")


@pytest_asyncio.fixture(loop_scope="session")
async def lounge() -> AsyncIterator[Lounge]:
    """Serve a simulator with a group, two channels, a bot and four people."""
    async with open_lounge() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Open pages, each with an empty profile; an error in a console or a request to elsewhere fails the test."""
    complaints: list[str] = []
    contexts = []

    async def open_one(
        url: str,
        *,
        size: tuple[int, int] = DESKTOP,
        scheme: str = "light",
        touch: bool = False,
        may_fail: bool = False,
        origin: str | None = None,
    ) -> Page:
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            has_touch=touch,
            locale="en-GB",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        page = await context.new_page()
        watch_for_trouble(page, origin or url.split("#", maxsplit=1)[0], [] if may_fail else complaints)
        await page.goto(url)
        return page

    yield open_one
    for context in contexts:
        await context.close()

    assert complaints == []
