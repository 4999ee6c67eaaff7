"""A short soak: the long one is `make soak`."""

from dataclasses import replace

import pytest
from rich.progress import Progress

from tests.faults.soak import SHORT, soak

pytestmark = [pytest.mark.processes, pytest.mark.slow]


async def test_a_short_soak_accounts_for_everything() -> None:
    """Under load and across a restart each update is acknowledged once, and each stranger muted, told and freed once.

    So many come to two groups that some share a prompt.
    """
    phase = replace(SHORT[2], seconds=6, rate=100, groups=2, members=40, strangers=0.04, restarts=1)

    report = await soak([phase], instances=2, every=1, rest=1, seed=5, progress=Progress(disable=True))

    (found,) = report.phases
    counts = found.counts
    assert found.lost == []
    assert counts["acknowledged"] == counts["updates"] > counts["messages"] > 400
    assert counts["mutes"] == counts["deletions"] == counts["lifts"] == counts["strangers"] > 5
    assert counts["sharing"] > 0
    assert found.answered["samples"] == counts["messages"]
    assert all(len(readings) > 4 for readings in found.readings.values())
