"""Letters that an operator wants tried again: handled as updates, kept until they are, counted."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, UpdateId
from bot.domain.intent import DeadCount, DeadUpdate
from bot.services.upkeep.replays import Replays
from tests.fakes.ports import FakeClock
from tests.kits.world import BOT

LETTER = DeadUpdate(BOT, UpdateId(5), b"{}")


class FakeLetters:
    """Letters that are marked."""

    def __init__(self, *marked: DeadUpdate) -> None:
        self.marked = list(marked)
        self.asked_for: set[BotId] = set()
        self.outages = 0

    async def waiting(self, bots: Sequence[BotId], limit: int) -> Sequence[DeadUpdate]:
        self.asked_for.update(bots)
        if self.outages:
            self.outages -= 1
            raise StoreUnavailableError("away")
        return self.marked[:limit]

    async def replayed(self, letter: DeadUpdate) -> None:
        self.marked.remove(letter)

    async def count(self) -> DeadCount:
        return DeadCount(len(self.marked), 3)


async def replay(letters: FakeLetters, refusals: int = 0) -> tuple[Replays, list[bytes]]:
    """Let the replays run for a while; the receiver cannot handle the first few."""
    received: list[bytes] = []

    async def receive(_: BotId, body: bytes) -> bool:
        received.append(body)
        return len(received) > refusals

    replays = Replays(letters=letters, receive=receive, bots=lambda: [BOT], clock=FakeClock())
    task = asyncio.get_running_loop().create_task(replays.run())
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return replays, received


async def test_a_marked_letter_is_handled_once_and_struck_off() -> None:
    """Only letters of bots that this instance serves are asked for."""
    letters = FakeLetters(LETTER)

    replays, received = await replay(letters)

    assert received == [b"{}"]
    assert letters.marked == []
    assert letters.asked_for == {BOT}
    assert replays.count == DeadCount(0, 3)


async def test_a_letter_that_cannot_be_handled_now_stays() -> None:
    """It is tried again until it is done, or buried again."""
    letters = FakeLetters(LETTER)

    _, received = await replay(letters, refusals=2)

    assert len(received) == 3
    assert letters.marked == []


async def test_an_outage_of_the_store_ends_nothing() -> None:
    """The next look finds the letters."""
    letters = FakeLetters(LETTER)
    letters.outages = 2

    _, received = await replay(letters)

    assert received == [b"{}"]
