"""A short storm of 429s over three processes: the long one is `make storm`."""

import pytest
from rich.progress import Progress

from tests.faults.storm import Report, storm
from tests.kits.platform import Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_storm_of_pauses_is_kept_by_all_instances(platform: Platform, lounge: Lounge) -> None:
    """Three processes start nothing once a pause is known; presses do not wait for others; nothing is lost."""
    # `make storm` holds 50 ms and 2 s; a machine that runs other tests is given more. Pauses last a second or two.
    patient = Report(grace_seconds=0.5, press_seconds=5.0)
    report = await storm(15, platform=platform, lounge=lounge, seed=1, progress=Progress(disable=True), report=patient)

    assert report.faults == []
    assert report.floods >= 5
