"""Fixtures of the ingress."""

from collections.abc import AsyncIterator

import pytest

from tests.kits.ingress import Served, served
from tests.kits.platform import Platform


@pytest.fixture
async def instance(platform: Platform) -> AsyncIterator[Served]:
    """Run one instance that can be called directly and by HTTP."""
    async with served(platform) as instance:
        await platform.webhook_is_set()
        await platform.sim.settled()
        yield instance
