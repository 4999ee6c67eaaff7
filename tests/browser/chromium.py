"""Finding a Chromium and opening pages in it, for the tests and for the picture in the documents."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Playwright, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumMissingError(Exception):
    """No Chromium was found."""


def find_chromium(playwright: Playwright) -> str:
    """Return the one named by CHROMIUM, else Playwright's own, else one on PATH."""
    if named := os.environ.get("CHROMIUM"):
        return named
    if Path(own := playwright.chromium.executable_path).exists():
        return own
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise ChromiumMissingError("No Chromium: set CHROMIUM, run `playwright install chromium`, or install Debian's")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a headless Chromium."""
    async with async_playwright() as playwright:
        path = find_chromium(playwright)
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()
