"""A loop whose time passes as soon as nobody has anything to do before it does."""

import asyncio
import selectors

from tests.fakes.ports import FakeClock

_START = 1000.0


class _Jumping(selectors.DefaultSelector):
    """Does not wait for the next timer: its moment has come."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = _START

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0 if timeout else timeout)
        if not found and timeout:
            self.elapsed += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """Minutes of it take as long as what is done in them."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return how far it has jumped."""
        return self._jumping.elapsed


class LoopClock(FakeClock):
    """The time of the loop that runs."""

    @property
    def elapsed(self) -> float:
        return asyncio.get_running_loop().time()

    @elapsed.setter
    def elapsed(self, value: float) -> None:
        assert value == _START, "only the loop moves on"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds)
