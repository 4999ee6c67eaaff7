"""The runner of `make ha`: a part that breaks is reported, and keeps no other from running."""

import asyncio
from collections.abc import Sequence

import pytest
from rich.progress import Progress

from tests.ha.__main__ import run_parts, table
from tests.ha.checks import Check, Part, Say, least, most, none


async def outcome_of(*parts: Part) -> list[tuple[str, bool]]:
    """Run parts, and return which passed."""
    with Progress(disable=True) as progress:
        outcomes = await run_parts(parts, progress)
    assert table(outcomes).row_count >= len(parts)
    return [(each.name, each.passed) for each in outcomes]


async def good(say: Say) -> Sequence[Check]:
    """Hold every ceiling."""
    say("working")
    return [most("time", 1, 2, " s"), least("share", 99, 98, " %"), none("lost", 0)]


async def broken(_: Say) -> Sequence[Check]:
    """Break one ceiling of two."""
    return [none("lost", 0), none("doubled", 1)]


async def raising(_: Say) -> Sequence[Check]:
    """Come to no end."""
    raise OSError("nothing there")


async def endless(_: Say) -> Sequence[Check]:
    """Hang."""
    await asyncio.Event().wait()
    return []


async def failing(_: Say) -> Sequence[Check]:
    """Fail as a helper of the tests does, in a group of tasks."""
    async with asyncio.TaskGroup():
        pytest.fail("not ready")


async def test_a_part_that_breaks_fails_alone() -> None:
    """Broken ceilings, errors and hanging are failures, and the parts after them run."""
    runs = {"broken": broken, "raising": raising, "endless": endless, "failing": failing, "good": good}
    parts = [Part(name=name, title=name, seconds=0.2, run=run) for name, run in runs.items()]

    assert await outcome_of(*parts) == [(name, name == "good") for name in runs]


async def test_what_went_wrong_inside_a_group_is_told() -> None:
    """The group itself says only that something did."""
    with Progress(disable=True) as progress:
        (outcome,) = await run_parts([Part(name="failing", title="failing", seconds=5, run=failing)], progress)

    assert outcome.fault == "Failed: not ready"
