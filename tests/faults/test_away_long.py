"""Telegram away for hours: who joined meanwhile is not kept waiting for long when it is back."""

from bot.domain.errors import TelegramUnavailableError
from bot.domain.restriction import Done
from tests.kits.world import INSIDERS, NEWS, STRANGER, World, texts, world

__all__ = ["texts", "world"]

_AWAY = TelegramUnavailableError(method="x", description="away")


async def test_pauses_of_a_lift_double_up_to_fifteen_seconds(world: World) -> None:
    """However long the outage, a muted member who has joined is tried to be freed within 15 s of its end."""
    await world.speak(STRANGER)
    await world.work()
    await world.join(STRANGER, NEWS, INSIDERS)
    pauses: list[float] = []
    for _ in range(8):
        world.telegram.fail("member_state", _AWAY)
        await world.work()
        due = world.row().due_at
        assert due is not None
        pauses.append((due - world.clock.now()).total_seconds())
        world.clock.advance(pauses[-1])

    assert world.row().case.done is Done.MUTED
    assert pauses == [1, 2, 4, 8, 15, 15, 15, 15]
