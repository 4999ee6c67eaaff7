"""The level of the log: chosen for a while, and ended by itself."""

from collections.abc import Mapping

from bot.domain.errors import NotReadyError
from bot.domain.ids import UserId
from bot.domain.operator import Actor, Operator, Rank, Source
from bot.services.operating.log_level import LogLevel
from tests.fakes.access import FakeShelf
from tests.fakes.ports import FakeClock

OWNER = Operator(Actor(UserId(7), Source.CONSOLE), Rank.OWNER)


class Ledger:
    """Takes notes."""

    async def note(self, *_: object) -> None:
        """Take one."""


class BrittleShelf(FakeShelf):
    """Goes away on demand."""

    away = False

    async def get(self, name: str, *, seconds: int | None = None) -> Mapping[str, object] | None:
        """Return a value, unless it is away."""
        if self.away:
            raise NotReadyError("away")
        return await super().get(name, seconds=seconds)


async def test_it_ends_by_itself_with_redis_and_without() -> None:
    """Redis forgets it when the time is over; where Redis does not answer, the instance's own clock ends it."""
    for forgotten in (True, False):
        shelf, clock, applied = BrittleShelf(), FakeClock(), list[str]()
        level = LogLevel(shelf=shelf, notes=Ledger(), clock=clock, usual="info", apply=applied.append)

        await level.choose(OWNER, "debug", 5)
        chosen = level.now
        if forgotten:
            shelf.values.clear()
        else:
            shelf.away = True
        await level.look()
        early = level.now
        clock.advance(300)
        await level.look()

        assert shelf.seconds["log-level"] == 300
        assert (chosen.level, early.level, level.now.level) == ("debug", "info" if forgotten else "debug", "info")
        assert applied == ["debug", "info"]
