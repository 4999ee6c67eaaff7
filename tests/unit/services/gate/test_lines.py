"""Lines of cases before the workers: who is next, and how many of one bot at once."""

import asyncio
from contextlib import suppress

from bot.domain.ids import BotId, CaseId
from bot.services.gate.lines import Lines

ONE, TWO, THREE = BotId(1), BotId(2), BotId(3)


def _joined(lines: Lines, bot: BotId, *cases: int, first: bool = False) -> None:
    for case in cases:
        lines.join(bot, CaseId(case), first=first)


async def _taken(lines: Lines, count: int) -> list[int]:
    return [(await asyncio.wait_for(lines.take(), 30))[1] for _ in range(count)]


async def test_bots_are_served_by_turns() -> None:
    """The one with the fewest workers is next, whoever came first."""
    lines = Lines(most=10)
    _joined(lines, ONE, 1, 2, 3, 4)
    _joined(lines, TWO, 5, 6)
    _joined(lines, THREE, 7)

    assert await _taken(lines, 7) == [1, 5, 7, 2, 6, 3, 4]


async def test_who_is_to_be_freed_goes_first_for_all_bots() -> None:
    """Also when their bot has more workers than the others, and when they waited in turn before."""
    lines = Lines(most=10)
    _joined(lines, ONE, 1, 2, 3)
    _joined(lines, TWO, 4)
    taken = await _taken(lines, 1)
    _joined(lines, ONE, 3, first=True)

    assert taken + await _taken(lines, 3) == [1, 3, 4, 2]
    assert len(lines) == 0


async def test_no_bot_has_more_than_its_share() -> None:
    """Its next case waits until one of its workers is free; those of others do not."""
    lines = Lines(most=2)
    _joined(lines, ONE, 1, 2, 3)
    taken = await _taken(lines, 2)
    waiting = asyncio.get_running_loop().create_task(lines.take())
    await asyncio.sleep(0)
    is_held = not waiting.done()
    _joined(lines, TWO, 4)
    other = await asyncio.wait_for(waiting, 30)
    lines.leave(ONE, CaseId(1))

    assert taken == [1, 2]
    assert is_held
    assert other == (TWO, 4)
    assert await _taken(lines, 1) == [3]


async def test_a_case_waits_once() -> None:
    """However often it comes; it may come again when its worker has left."""
    lines = Lines(most=10)
    _joined(lines, ONE, 1, 1, 2)
    waiting = len(lines)
    taken = await _taken(lines, 2)
    waits = lines.join(ONE, CaseId(1), first=True)
    lines.leave(ONE, CaseId(1))
    _joined(lines, ONE, 1)

    assert (waiting, taken, waits) == (2, [1, 2], False)
    assert await _taken(lines, 1) == [1]


async def test_a_worker_that_gives_up_waiting_takes_nothing() -> None:
    """Neither a case nor a place of its bot."""
    lines = Lines(most=1)
    for handed in (False, True):
        waiting = asyncio.get_running_loop().create_task(lines.take())
        await asyncio.sleep(0)
        if handed:
            _joined(lines, ONE, 1)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    _joined(lines, ONE, 2)

    assert await _taken(lines, 1) == [2]


async def test_long_lines_are_named() -> None:
    """So that the sweep looks at what waits for the others."""
    lines = Lines(most=1)
    _joined(lines, ONE, 1, 2, 3)
    _joined(lines, TWO, 4)
    before = list(lines.longer_than(2))
    await _taken(lines, 1)

    assert before == [ONE]
    assert list(lines.longer_than(2)) == []
