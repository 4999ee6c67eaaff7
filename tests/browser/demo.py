"""The demonstration as a process of its own: bot, simulator and embedded servers, as `gmbot demo` starts them."""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 40


@contextmanager
def demo_home() -> Iterator[Path]:
    """Make a home that goes when the block ends."""
    with tempfile.TemporaryDirectory(prefix="gmbot-demo-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        # As root the servers run as somebody else, who has to get through.
        home.chmod(0o755)
        yield home


@asynccontextmanager
async def running_demo() -> AsyncIterator[str]:
    """Yield the chat page's address of a demonstration with a home of its own."""
    with demo_home() as home:
        async with running_demo_in(home) as page:
            yield page


@asynccontextmanager
async def running_demo_with_console() -> AsyncIterator[tuple[str, str]]:
    """Yield the chat page's address, and a link into the console."""
    with demo_home() as home:
        async with _process(home) as process:
            page = await asyncio.wait_for(_address(process, "Chat page"), START_SECONDS)
            yield page, await _address(process, "Console")


@asynccontextmanager
async def running_demo_in(home: Path) -> AsyncIterator[str]:
    """Yield the chat page's address of a demonstration in this home."""
    async with _process(home) as process:
        yield await asyncio.wait_for(_address(process, "Chat page"), START_SECONDS)


@asynccontextmanager
async def _process(home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "demo",
        "--port",
        "0",
        "--no-open",
        env={**os.environ, "GMBOT_HOME": str(home), "PORT": "0", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        said, _ = await asyncio.wait_for(process.communicate(), STOP_SECONDS)
        # Shown beside a failure.
        sys.stdout.write(said.decode())


async def _address(process: asyncio.subprocess.Process, name: str) -> str:
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode():
        sys.stdout.write(line)
        if found := re.search(rf"{name}\s+(http://\S+)", line):
            return found[1]
    raise AssertionError("the demonstration did not start")
