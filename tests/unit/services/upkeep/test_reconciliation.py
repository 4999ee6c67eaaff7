"""The rounds that heal what was missed: within a budget, by one instance, without an end."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import datetime

from bot.domain.errors import StoreUnavailableError, TelegramUnavailableError
from bot.domain.ids import BotId, CaseId
from bot.services.upkeep.reconciliation import CASES_PER_TURN, MOST_UNDER_REVIEW, LookAtRights, Reconciliation
from tests.fakes.tables import FakeLeader
from tests.kits.strategies import START
from tests.kits.world import BOT, GROUP, INSIDERS, NEWS, World


class _Reviews:
    """Cases that wait for a review; as many are under review as a test says."""

    def __init__(self, waiting: int, busy: Sequence[int] = ()) -> None:
        self.waiting = [CaseId(number) for number in range(1, waiting + 1)]
        self.busy = list(busy)
        self.limits: list[int] = []
        self.outages = 0

    async def now(self) -> datetime:
        if self.outages:
            self.outages -= 1
            raise StoreUnavailableError("away")
        return START

    async def under_review(self) -> int:
        return self.busy.pop(0) if self.busy else 0

    async def put_under_review(self, *, before: datetime, limit: int) -> tuple[CaseId, ...]:
        assert before == START
        self.limits.append(limit)
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return tuple(taken)


async def _rounds(world: World, reviews: _Reviews, look: LookAtRights, turns: int = 60) -> None:
    work = Reconciliation(
        reviews=reviews,
        rights=look,
        directory=world.directory,
        leader=FakeLeader(),
        clock=world.clock,
    )
    await _for_a_while(work.run(), turns)


async def _for_a_while(work: Coroutine[object, object, None], turns: int) -> None:
    task = asyncio.get_running_loop().create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _look_away(_: BotId, __: int) -> None:
    """Look at nothing."""


async def test_all_cases_and_chats_are_looked_at(world: World) -> None:
    """The group, and each of its channels."""
    seen: list[tuple[BotId, int]] = []

    async def look(bot: BotId, chat: int) -> None:
        seen.append((bot, chat))

    reviews = _Reviews(5)
    await _rounds(world, reviews, look)

    assert set(seen) == {(BOT, GROUP), (BOT, NEWS), (BOT, INSIDERS)}
    assert reviews.waiting == []


async def test_a_turn_has_a_budget(world: World) -> None:
    """A thousand cases do not become a thousand calls at once."""
    reviews = _Reviews(9)
    await _rounds(world, reviews, _look_away)

    assert max(reviews.limits) == CASES_PER_TURN
    assert world.clock.slept[1:4] == [1.0, 1.0, 1.0]


async def test_while_too_many_are_under_review_none_is_added(world: World) -> None:
    """Cases that get no answer slow a round down instead of piling up."""
    reviews = _Reviews(2, busy=[MOST_UNDER_REVIEW, MOST_UNDER_REVIEW, MOST_UNDER_REVIEW - 1])
    await _rounds(world, reviews, _look_away)

    assert reviews.limits[0] == 1
    assert reviews.waiting == []


async def test_a_chat_without_an_answer_does_not_stop_the_round(world: World) -> None:
    """It is looked at in the next one."""

    async def away(_: BotId, __: int) -> None:
        raise TelegramUnavailableError(method="getChatMember", description="away")

    reviews = _Reviews(2)
    await _rounds(world, reviews, away)

    assert reviews.waiting == []


async def test_an_outage_of_the_store_interrupts_and_does_not_end_it(world: World) -> None:
    """The turn is over; the next one begins anew."""
    reviews = _Reviews(2)
    reviews.outages = 2
    await _rounds(world, reviews, _look_away)

    assert reviews.waiting == []
