"""The budgets of all instances together: one script in Redis, one round trip a call."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from typing import Protocol, cast

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from bot.core.telegram.demand import START_PLACES, START_SHARES, Demand, Limits, Window
from bot.core.telegram.own_budget import SLOW_START_SECONDS, Grant, OwnBudget

# A script takes well below a millisecond; a call that is waited for must not wait for a Redis that hangs.
_ANSWER_SECONDS = 0.25
_AWAY_SECONDS = 1.0
# A Redis that comes back may have lost what it counted in the last minute.
_CAREFUL_SECONDS = 61.0
_AWAY = (RedisError, OSError, TimeoutError)

log = structlog.stdlib.get_logger()


class Budget(Protocol):
    """Decides when a call may start, and hears of the pauses that Telegram names."""

    async def ask(self, demand: Demand) -> Grant:
        """Take a place for the call, or tell for how long there is none."""
        ...

    async def flooded(self, demand: Demand, retry_after: float, grant: Grant, started: float) -> None:
        """Note that Telegram answered a call, allowed by `grant`, with a pause."""
        ...


class SharedBudget:
    """Asks the script; while Redis is away this instance takes its part of the budgets by itself."""

    def __init__(
        self,
        *,
        redis: "Redis",
        limits: Limits,
        own: OwnBudget,
        instances: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._ask = _script(redis, "budget")
        self._flood = _script(redis, "flood")
        self._limits = limits
        self._own = own
        self._instances = instances
        self._monotonic = monotonic
        self._away_until = float("-inf")
        self._careful_until = float("-inf")

    @property
    def shared(self) -> bool:
        """Whether the instances decide together."""
        return self._monotonic() >= self._away_until

    async def ask(self, demand: Demand) -> Grant:
        """Take a place for the call in all its windows, or tell for how long there is none."""
        # What this process was told by Telegram holds at once, also while Redis does not hear of it.
        paused = self._own.paused(demand)
        if paused:
            return Grant(wait=paused, paused=True)
        if not self.shared:
            return self._own.ask(demand, self._instances())
        if self._monotonic() < self._careful_until:
            wait = self._own.wait(demand, self._instances())
            if wait:
                return Grant(wait=wait)
        windows = self._limits.windows(demand)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reply = await self._ask(keys=_keys(demand, windows), args=_arguments(demand, windows))
        except _AWAY as error:
            self._lost(error)
            return self._own.ask(demand, self._instances())
        wait_ms, at, why = cast("tuple[int, int, bytes]", tuple(cast("list[object]", reply)))
        # Telegram may have answered another call while Redis answered this one.
        paused = self._own.paused(demand)
        if paused:
            return Grant(wait=paused, paused=True)
        if wait_ms == 0:
            self._own.note(demand)
        return Grant(wait=wait_ms / 1000, at=at, paused=why == b"pause")

    async def flooded(self, demand: Demand, retry_after: float, grant: Grant, started: float) -> None:
        """Let all instances know what Telegram asks for."""
        self._own.flooded(demand, retry_after, started)
        if not self.shared:
            return
        args = [round(retry_after * 1000), grant.at, round(SLOW_START_SECONDS * 1000)]
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                repeated = await self._flood(
                    keys=[*_pauses(demand), f"{_prefix(demand)}:strike:{demand.wide_scope}"], args=args
                )
        except _AWAY as error:
            self._lost(error)
            return
        if repeated:
            self._own.hold(demand, retry_after, whole_bot=True)
            log.warning("telegram.bot_paused", bot=demand.bot, seconds=retry_after)

    def _lost(self, error: BaseException) -> None:
        now = self._monotonic()
        if now >= self._away_until + _AWAY_SECONDS:
            log.warning("budget.redis_away", error=str(error) or type(error).__name__)
        self._away_until = now + _AWAY_SECONDS
        self._careful_until = now + _CAREFUL_SECONDS


def _keys(demand: Demand, windows: tuple[Window, ...]) -> list[str]:
    chat, bot = _pauses(demand)
    prefix, who = _prefix(demand), demand.priority.value
    lists = [f"{chat}:start", f"{bot}:start", *(f"{prefix}:{window.name}" for window in windows)]
    pairs = [key for name in lists for key in (name, f"{name}:line:{who}")]
    return [chat, bot, f"{prefix}:hunger:{who}", *pairs]


def _arguments(demand: Demand, windows: tuple[Window, ...]) -> list[int | float]:
    figures = [
        figure
        for window in windows
        for figure in (window.ms, window.open, window.most, int(window.counts), int(window.yields))
    ]
    return [START_SHARES[demand.priority], START_PLACES, *figures]


def _pauses(demand: Demand) -> tuple[str, str]:
    return f"{_prefix(demand)}:pause:{demand.scope}", f"{_prefix(demand)}:pause:{demand.wide_scope}"


def _prefix(demand: Demand) -> str:
    # The braces keep one bot's keys together in a cluster.
    return f"gmbot:budget:{{{demand.bot}}}"


def _script(redis: "Redis", name: str) -> AsyncScript:
    text = files("bot.core").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return redis.register_script(text)
