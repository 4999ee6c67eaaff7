"""Pages stay quick where there are many groups."""

import pytest

from tests.benchmarks.console_speed import MANY, measured
from tests.kits.platform import Platform

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]

# A machine with nothing else to do takes a fraction of it: `python -m tests.benchmarks.console_speed` prints how much.
_MOST_MS = 1000


async def test_every_page_is_quick_with_100_000_groups(platform: Platform) -> None:
    """Lists, searches that find nothing, a group, and the overview with its figures."""
    times = await measured(platform, MANY)

    assert {page: round(taken) for page, taken in times.items() if taken > _MOST_MS} == {}
