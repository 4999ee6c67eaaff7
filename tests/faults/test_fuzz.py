"""`make fuzz`, for seconds."""

import logging
import subprocess
from pathlib import Path

import pytest
import structlog
from rich.progress import Progress

from tests.faults.fuzz import fuzz


async def test_nothing_crashes_over_what_nobody_would_send(caplog: pytest.LogCaptureFixture) -> None:
    """A few thousand broken updates, requests and buttons: each ends as the contract says."""
    caplog.set_level(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        findings = await fuzz(3_000, seed=7, progress=Progress(disable=True))
    finally:
        structlog.reset_defaults()

    assert findings.crashes == []
    assert findings.inputs.total() == 3_000
    assert {"api 200", "api 404", "buttons read", "ingress 200", "update done"} <= set(findings.outcomes)


def test_chaos_ends_with_a_million() -> None:
    """`make chaos` runs the fuzzing, too, without anything that makes it fewer."""
    shown = subprocess.run(
        ["make", "--dry-run", "chaos"], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )

    (line,) = [each.strip() for each in shown.stdout.splitlines() if "tests.faults.fuzz" in each]
    assert "--inputs" not in line
