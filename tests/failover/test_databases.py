"""A short failover: the long ones, of both kinds, are a part of `make ha`."""

import pytest

from tests.failover.cluster import patroni_cluster
from tests.failover.databases import POSTGRES, failovers

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(240)]

# `make ha` holds them to 3 and 5 s; beside the rest of the suite there is no telling how long a machine looks away.
_LATEST_SECONDS = 20.0


async def test_a_primary_that_crashes_is_replaced_and_nothing_acknowledged_is_lost(redis_url: str) -> None:
    """By a synchronous replica, under load; the audit names it, and the crashed one follows it afterwards."""
    async with patroni_cluster(durable=False) as cluster:
        report = await failovers(cluster, redis_url, [POSTGRES], rate=15, calm_seconds=1, seed=3)

    assert report.faults == []
    assert report.writes > 0
    assert report.counted.strangers > 0
    assert report.audited == 1
    assert report.rounds[0].first_write < _LATEST_SECONDS
    assert all(report.lag_ms.values())
