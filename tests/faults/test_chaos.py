"""A short chaos: the long one is `make chaos`."""

import pytest
from rich.progress import Progress

from tests.faults.chaos import chaos

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(240)]


async def test_a_short_chaos_loses_nothing() -> None:
    """Kills of instances, PostgreSQL, Valkey and Telegram: nothing lost, nobody muted wrongly or for ever."""
    report = await chaos(30, every=5, rate=20, seed=7, progress=Progress(disable=True))

    assert report.faults == []
    assert sum(report.kills.values()) >= 4
    assert report.mutes > 0
