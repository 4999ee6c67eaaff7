"""What counts as a pass of a load test, and what latency means there."""

import asyncio

import pytest

from tests.load.arrivals import open_loop, percentile, summary
from tests.load.checks import Outcome


@pytest.mark.parametrize(
    ("measured", "lower_is_better", "errors", "passed"),
    [
        (99.9, True, 0, True),
        (100.0, True, 0, False),
        (99.9, False, 0, False),
        (100.0, False, 0, True),
        (1.0, True, 1, False),
    ],
)
def test_a_missed_target_or_an_error_fails(
    measured: float, errors: int, *, lower_is_better: bool, passed: bool
) -> None:
    """Whatever else was good."""
    outcome = Outcome(
        name="figure", unit="", measured=measured, target=100.0, lower_is_better=lower_is_better, errors=errors
    )

    assert outcome.passed is passed
    assert outcome.as_json()["passed"] is passed


def test_what_the_machine_adds_counts_only_where_it_is_busy() -> None:
    """Beside other work an answer may come later; a measurement by itself knows no excuse."""
    outcome = Outcome(name="figure", unit="ms", measured=110.0, target=100.0, slack=20.0)

    assert outcome.passed_here
    assert not outcome.passed


def test_percentiles_are_values_that_were_seen() -> None:
    """Of a hundred values the p95 has 95 below it."""
    values = [float(number) for number in range(100, 0, -1)]

    assert percentile(values, 0.95) == 96
    assert percentile([3.0], 0.99) == 3
    assert summary([0.001, 0.003]) == {"mean": 2.0, "p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0}


async def test_waiting_counts_from_the_moment_a_request_was_due() -> None:
    """A server that stands still for 0.2 s cannot hide it by not being asked: the arrivals go on."""
    gate = asyncio.Event()
    running = 0

    async def stuck() -> int:
        nonlocal running
        running += 1
        await gate.wait()
        return 200

    async def open_later() -> None:
        await asyncio.sleep(0.2)
        gate.set()

    opening = asyncio.get_running_loop().create_task(open_later())
    run = await open_loop([stuck] * 50, per_second=1000, seed=1, tick=lambda: None)
    await opening

    assert running == 50
    assert run.errors == 0
    assert min(run.latencies) > 0.02
    assert max(run.latencies) > 0.15
