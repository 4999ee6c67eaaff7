"""Rows that are due are worked on side by side: what goes wrong with one is its own affair."""

import asyncio

import pytest

from bot.domain.errors import StoreUnavailableError
from bot.services.gate.turns import side_by_side, take_turns
from tests.fakes.ports import FakeClock


@pytest.mark.parametrize("fault", [ValueError("a fault"), StoreUnavailableError("undone, as one of two in a ring")])
async def test_a_fault_cuts_nothing_else_short(fault: Exception) -> None:
    """A message that is being sent would be sent twice: once now, and once when its lease has run out."""
    noted: list[str] = []

    async def fail() -> None:
        raise fault

    async def send() -> None:
        await asyncio.sleep(0.01)
        noted.append("sent")

    await side_by_side([fail(), send()], name="work")

    assert noted == ["sent"]


async def test_turns_go_on_after_an_outage() -> None:
    """With a pause in between."""
    clock, turns = FakeClock(), iter([StoreUnavailableError("away"), None, KeyboardInterrupt()])

    async def turn() -> None:
        ended = next(turns)
        if ended is not None:
            raise ended

    with pytest.raises(KeyboardInterrupt):
        await take_turns(turn, name="work", clock=clock)
    assert clock.slept == [0.5, 0.5]
