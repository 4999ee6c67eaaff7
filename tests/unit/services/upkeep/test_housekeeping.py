"""An instance says that it lives, and sweeps."""

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import InstanceId
from bot.services.upkeep.housekeeping import Housekeeping
from tests.fakes.ports import FakeClock, for_a_while


class _Heart:
    """Counts beats; the first one fails."""

    def __init__(self) -> None:
        self.beats = 0

    @property
    def instance_id(self) -> InstanceId:
        raise NotImplementedError

    async def beat(self) -> None:
        self.beats += 1
        if self.beats == 1:
            raise StoreUnavailableError("away")

    async def leave(self) -> None:
        raise NotImplementedError


async def test_the_heart_beats_twice_a_second_whatever_happens() -> None:
    """An outage does not stop it."""
    heart, clock = _Heart(), FakeClock()

    await for_a_while(Housekeeping(instances=heart, chores=(), clock=clock).beat())

    assert heart.beats > 2
    assert set(clock.slept) == {0.5}


async def test_one_chore_that_fails_does_not_stop_the_others() -> None:
    """It is done at the next sweep."""
    done: list[str] = []

    async def failing() -> None:
        done.append("failing")
        raise StoreUnavailableError("away")

    async def working() -> None:
        done.append("working")

    clock = FakeClock()
    await for_a_while(Housekeeping(instances=_Heart(), chores=(failing, working), clock=clock).sweep())

    assert done[:4] == ["failing", "working", "failing", "working"]
    assert set(clock.slept) == {600.0}
