"""A hundred hosted bots: what they cost while they are idle, and how long they take to start."""

import os
import sys
import time
from pathlib import Path

import pytest

from tests.platform import Lounge, Platform, eventually, free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow]

MANY = 100
# The promises are half a megabyte for an idle bot and 5 s for the start of all; a busy machine is given more time.
MOST_BYTES_EACH = 512 * 1024
START_SECONDS = 40.0


def resident(pid: int | None) -> int:
    """Return the memory a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def started(platform: Platform, bots: int) -> tuple[int, float]:
    """Start an instance and wait until all webhooks are set; return its memory, and the seconds that took."""
    begun, before = time.monotonic(), len(platform.sim.calls_of("setWebhook"))
    async with platform.process(free_port(), LOG_LEVEL="warning") as instance:

        def all_set() -> bool:
            return len(platform.sim.calls_of("setWebhook")) - before >= bots

        await eventually(all_set, "all webhooks are set", within=START_SECONDS)
        took = time.monotonic() - begun
        return resident(instance.pid), took


async def test_a_hundred_bots_are_cheap_and_start_quickly(
    lounge: Lounge, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    """Compared with the same instance and one bot."""
    alone, _ = await started(platform, 1)
    await platform.host(*(lounge.sim.add_bot(username=f"bot_{number}_bot") for number in range(MANY - 1)))
    together, seconds = await started(platform, MANY)
    each = (together - alone) / (MANY - 1)
    with capsys.disabled():
        sys.stdout.write(f"\n{each / 1024:.0f} KiB for each idle bot; {MANY} bots started in {seconds:.1f} s\n")

    assert each < MOST_BYTES_EACH
