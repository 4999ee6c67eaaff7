"""How an instance is: whether what is vital to its work, and what helps it, answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.errors import BotError
from bot.services.ports.runtime import Clock

# A probe that takes longer is answered as failed; an orchestrator's own limit is usually 1 s and more.
_CHECK_SECONDS = 2.0

Check = Callable[[], Awaitable[None]]
"""Returns when the thing works, raises when it does not."""


@dataclass(frozen=True, slots=True)
class State:
    """What one check found."""

    name: str
    vital: bool
    latency_ms: float
    fault: str | None

    @property
    def ok(self) -> bool:
        """Whether the thing works."""
        return self.fault is None

    def told(self) -> Mapping[str, object]:
        """Return what `/health` says of it."""
        fault = {} if self.fault is None else {"fault": self.fault}
        return {"ok": self.ok, "latency_ms": self.latency_ms, **fault}


class Health:
    """Asks everything at once; no check can hold up another."""

    def __init__(self, *, vital: Mapping[str, Check], useful: Mapping[str, Check], clock: Clock) -> None:
        self._checks = [(name, check, True) for name, check in vital.items()]
        self._checks += [(name, check, False) for name, check in useful.items()]
        self._clock = clock

    async def all(self) -> Sequence[State]:
        """Ask everything."""
        return await asyncio.gather(*(self._one(*check) for check in self._checks))

    async def _one(self, name: str, check: Check, vital: bool) -> State:  # noqa: FBT001 - a field of a row
        started = self._clock.monotonic()
        fault: str | None = None
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await check()
        except TimeoutError:
            fault = f"no answer within {_CHECK_SECONDS:g} s"
        except (BotError, OSError) as error:
            fault = str(error) or type(error).__name__
        return State(name, vital, round((self._clock.monotonic() - started) * 1000, 2), fault)
