"""The budgets of all instances together: one script in Redis, one round trip a call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.redis.scripts import load_script
from bot.core.telegram.demand import START_PLACES, START_SHARES, Demand, Limits, Priority, Window
from bot.core.telegram.own_budget import SLOW_START_SECONDS, Grant, OwnBudget
from bot.core.telemetry.traces import step

# A script takes well below a millisecond; a call that is waited for must not wait for a Redis that hangs.
_ANSWER_SECONDS = 0.25
_AWAY_SECONDS = 1.0
# A timer that rings so late says that this process stood still, and nothing of Redis: its answer may be there.
_STALL_SECONDS = 0.05
# A Redis that comes back may have lost what it counted in the last minute.
_CAREFUL_SECONDS = 61.0
_AWAY = (RedisError, OSError, TimeoutError)
# A permission that took longer to arrive may be older than a pause that another instance has just been told of.
_FRESH_SECONDS = 0.025
_LOOKS = 3
# Who may have to give way for long, from the more to the less urgent.
_HUNGRY = (Priority.JOIN, Priority.BULK)

Answer = TypeVar("Answer")

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
        self._redis = redis
        self._ask = load_script(redis, "budget")
        self._flood = load_script(redis, "flood")
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
        try:
            grant = await self._shared(demand)
        except _AWAY as error:
            self._lost(error)
            return self._own.ask(demand, self._instances())
        # Telegram may have answered another call while Redis answered this one.
        paused = self._own.paused(demand)
        if paused:
            return Grant(wait=paused, paused=True)
        if grant.wait == 0:
            self._own.note(demand)
        return grant

    async def _shared(self, demand: Demand) -> Grant:
        """Ask the script, and look again for pauses until its answer is not older than a moment."""
        windows, asked = self._limits.windows(demand), self._monotonic()
        reply = await self._answered(lambda: self._ask(keys=_keys(demand, windows), args=_arguments(demand, windows)))
        wait_ms, at, why = cast("tuple[int, int, bytes]", tuple(cast("list[object]", reply)))
        for _ in range(_LOOKS if wait_ms == 0 else 0):
            if self._monotonic() - asked <= _FRESH_SECONDS:
                break
            asked = self._monotonic()
            paused = await self._paused(demand)
            if paused > 0:
                return Grant(wait=paused, paused=True)
        return Grant(wait=wait_ms / 1000, at=at, paused=why == b"pause")

    async def _paused(self, demand: Demand) -> float:
        """Return for how many seconds the instances know of a pause. A pause is kept until its slow start is over."""
        return float(max(await self._answered(lambda: self._lives(_pauses(demand))))) / 1000 - SLOW_START_SECONDS

    async def _lives(self, keys: tuple[str, ...]) -> list[int]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pttl(key)
            return cast("list[int]", await pipeline.execute())

    async def _answered(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask Redis; once more if this process stood still: taking a place or telling a pause twice is no harm."""
        asked = self._monotonic()
        try:
            with step("redis", "budget"):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    return await ask()
        except _AWAY:
            if self._monotonic() - asked < _ANSWER_SECONDS + _STALL_SECONDS:
                raise
        log.info("budget.stood_still", seconds=round(self._monotonic() - asked, 2))
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await ask()

    async def flooded(self, demand: Demand, retry_after: float, grant: Grant, started: float) -> None:
        """Let all instances know what Telegram asks for."""
        self._own.flooded(demand, retry_after, started)
        if not self.shared:
            return
        args = [round(retry_after * 1000), grant.at, round(SLOW_START_SECONDS * 1000)]
        try:
            repeated = await self._answered(
                lambda: self._flood(keys=[*_pauses(demand), f"{_prefix(demand)}:strike:{demand.wide_scope}"], args=args)
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
    hunger = [f"{prefix}:hunger:{each.value}" for each in _HUNGRY]
    lists = [f"{chat}:start", f"{bot}:start", *(f"{prefix}:{window.name}" for window in windows)]
    pairs = [key for name in lists for key in (name, f"{name}:line:{who}")]
    return [chat, bot, *hunger, *pairs]


def _arguments(demand: Demand, windows: tuple[Window, ...]) -> list[int | float]:
    figures = [
        figure
        for window in windows
        for figure in (window.ms, window.open, window.most, int(window.counts), int(window.yields))
    ]
    own = 1 + _HUNGRY.index(demand.priority) if demand.priority in _HUNGRY else 0
    return [START_SHARES[demand.priority], START_PLACES, own, *figures]


def _pauses(demand: Demand) -> tuple[str, str]:
    return f"{_prefix(demand)}:pause:{demand.scope}", f"{_prefix(demand)}:pause:{demand.wide_scope}"


def _prefix(demand: Demand) -> str:
    # The braces keep one bot's keys together in a cluster.
    return f"gmbot:budget:{{{demand.bot}}}"
