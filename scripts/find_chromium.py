"""Exit 0 when the browser tests have a Chromium that starts: one that is here, else one that Playwright fetches."""

import asyncio
import subprocess
import sys

from playwright.async_api import Error

from tests.browser.chromium import ChromiumMissingError, chromium

_FETCH_TIMEOUT_SECONDS = 180


async def starts() -> bool:
    """Whether there is a Chromium that opens a page."""
    try:
        async with chromium() as browser:
            await browser.new_page()
    except (ChromiumMissingError, Error) as error:
        sys.stderr.write(f"Chromium: {str(error).splitlines()[0]}\n")
        return False
    return True


def fetch() -> bool:
    """Let Playwright fetch its own Chromium; it needs no rights, but a network and the system's libraries."""
    sys.stderr.write("Chromium: asking Playwright for its own\n")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=_FETCH_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(starts()) or (fetch() and asyncio.run(starts())) else 1)
