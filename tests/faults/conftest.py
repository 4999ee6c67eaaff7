"""Fixtures of what is broken on purpose."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.away import Outside, outside_of
from tests.kits.platform import Lounge, Platform


@pytest.fixture
async def outside(lounge: Lounge, platform: Platform) -> AsyncIterator[Outside]:
    """Run two instances with proxies before everything."""
    async with outside_of(lounge, platform) as outside:
        yield outside
