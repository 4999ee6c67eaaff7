"""Which updates are done, in memory and in PostgreSQL: each one's intents are committed once."""

import pytest

from bot.domain.errors import ClaimLostError
from bot.domain.ids import UpdateId
from bot.domain.intent import Receipt
from tests.contract.desk import BOT, OTHER_BOT, Desk

pytestmark = pytest.mark.servers

_UPDATE = UpdateId(500)


async def _claimed(desk: Desk) -> Receipt:
    claim = await desk.inbox.claim(BOT, _UPDATE)
    assert isinstance(claim, Receipt)
    return claim


async def test_an_update_is_claimed_once(desk: Desk) -> None:
    """While one instance is at it, another hears so; two bots may have the same numbers."""
    first = await _claimed(desk)

    assert first.attempt == 1
    assert await desk.rival_inbox.claim(BOT, _UPDATE) is False
    assert isinstance(await desk.rival_inbox.claim(OTHER_BOT, _UPDATE), Receipt)


async def test_a_done_update_stays_done(desk: Desk) -> None:
    """Delivered again, it is acknowledged and nothing else."""
    await desk.inbox.settle(await _claimed(desk), [desk.opening()])

    assert await desk.inbox.claim(BOT, _UPDATE) is True
    assert await desk.rival_inbox.claim(BOT, _UPDATE) is True
    assert len(await desk.ledger.due(10)) == 1


async def test_a_dead_instance_s_update_is_taken_over(desk: Desk) -> None:
    """And what the dead one would still commit is refused as a whole."""
    lost = await _claimed(desk)
    await desk.die()
    taken = await desk.rival_inbox.claim(BOT, _UPDATE)
    assert isinstance(taken, Receipt)
    assert taken.attempt == 2

    with pytest.raises(ClaimLostError):
        await desk.inbox.settle(lost, [desk.opening()])
    assert await desk.ledger.due(10) == []
    assert len(await desk.rival_inbox.settle(taken, [desk.opening()])) == 1


async def test_a_stuck_update_is_taken_over_after_half_a_minute(desk: Desk) -> None:
    """Its instance lives, and may have forgotten it."""
    await _claimed(desk)
    await desk.pass_time(29)
    assert await desk.rival_inbox.claim(BOT, _UPDATE) is False
    await desk.pass_time(2)

    assert isinstance(await desk.rival_inbox.claim(BOT, _UPDATE), Receipt)


@pytest.mark.parametrize(("blameless", "attempt"), [(True, 1), (False, 2)])
async def test_a_released_update_may_be_claimed_at_once(desk: Desk, attempt: int, *, blameless: bool) -> None:
    """By anybody; an attempt that was nobody's fault does not count."""
    await desk.inbox.release(await _claimed(desk), blameless=blameless)

    again = await desk.rival_inbox.claim(BOT, _UPDATE)
    assert isinstance(again, Receipt)
    assert again.attempt == attempt


async def test_a_buried_update_does_not_come_back(desk: Desk) -> None:
    """Even with an error text that the database could not hold as it is."""
    await desk.inbox.bury(await _claimed(desk), b"{}", "broken \x00 by \ud800 this")

    assert await desk.inbox.claim(BOT, _UPDATE) is True


async def test_what_was_done_cannot_be_released_or_buried(desk: Desk) -> None:
    """A late second thought changes nothing."""
    claim = await _claimed(desk)
    await desk.inbox.settle(claim, ())
    await desk.inbox.release(claim, blameless=False)
    await desk.inbox.bury(claim, b"{}", "late")

    assert await desk.inbox.claim(BOT, _UPDATE) is True
