"""The budgets as one process knows them: its own calls and the pauses it was told of."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bot.core.telegram.demand import START_PLACES, START_SHARES, Demand, Limits, Window
from bot.domain.ids import BotId

SLOW_START_SECONDS = 6.0
_SLOW_START_PLACES = START_PLACES * 64
_STRIKE_SECONDS = 30.0
# Chats that were written to a while ago are forgotten when so many are known.
_MOST_KEYS = 2_000

_Key = tuple[BotId, str]


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to a demand."""

    wait: float
    """Seconds until asking again is worth while; 0 when the call may start."""
    at: int = 0
    """When the call was allowed, in microseconds of the shared clock; 0 when this process decided alone."""
    paused: bool = False
    """Telegram named the pause; otherwise a budget is used up."""


class OwnBudget:
    """Decides as the shared script does, but without hunger and lines: those matter only in the long run.

    With several live instances each takes its part of every window.
    """

    def __init__(self, *, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._calls: dict[_Key, deque[float]] = {}
        self._pauses: dict[_Key, float] = {}
        self._strikes: dict[_Key, float] = {}

    @property
    def remembered(self) -> int:
        """How many windows hold calls."""
        return len(self._calls)

    def paused(self, demand: Demand) -> float:
        """Return for how many seconds Telegram wants no such call."""
        ends = (self._pauses.get(key, 0.0) for key in _pause_keys(demand))
        return max(0.0, max(ends) - self._monotonic())

    def wait(self, demand: Demand, instances: int) -> float:
        """Return for how many seconds there is no place for the call."""
        now = self._monotonic()
        return max(
            (_room(self._calls.get((demand.bot, window.name)), window, now) for window in self._all(demand, instances)),
            default=0.0,
        )

    def ask(self, demand: Demand, instances: int) -> Grant:
        """Take a place in every window, or in none."""
        paused = self.paused(demand)
        if paused:
            return Grant(wait=paused, paused=True)
        wait = self.wait(demand, instances)
        if wait:
            return Grant(wait=wait)
        self.note(demand)
        return Grant(wait=0.0)

    def note(self, demand: Demand) -> None:
        """Count a call that starts now."""
        now = self._monotonic()
        for window in self._all(demand, 1):
            if window.counts:
                size = max(window.most, _SLOW_START_PLACES)
                calls = self._calls.setdefault((demand.bot, window.name), deque(maxlen=size))
                calls.append(now)
        if len(self._calls) > _MOST_KEYS:
            self._forget(now)

    def flooded(self, demand: Demand, retry_after: float, started: float) -> bool:
        """Note a pause. A request that was started after an earlier one was answered so holds the whole bot."""
        now, key = self._monotonic(), (demand.bot, demand.wide_scope)
        struck = self._strikes.get(key, float("-inf"))
        recent = now - struck < _STRIKE_SECONDS + retry_after
        repeated = recent and started > struck
        if repeated or not recent:
            self._strikes[key] = now
        self.hold(demand, retry_after, whole_bot=repeated)
        return repeated

    def hold(self, demand: Demand, seconds: float, *, whole_bot: bool) -> None:
        """Let no such call start for a while; no call of this bot at all when `whole_bot`."""
        now = self._monotonic()
        for key in _pause_keys(demand)[: 2 if whole_bot else 1]:
            self._pauses[key] = max(self._pauses.get(key, 0.0), now + seconds)
        self._pauses = {key: ends for key, ends in self._pauses.items() if ends + SLOW_START_SECONDS > now}

    def _all(self, demand: Demand, instances: int) -> list[Window]:
        windows = [_part(window, instances) for window in self._limits.windows(demand)]
        now = self._monotonic()
        for key in _pause_keys(demand):
            ends = self._pauses.get(key)
            if ends is not None and 0 <= now - ends < SLOW_START_SECONDS:
                places = START_PLACES * 2 ** int(now - ends)
                share = int(places * START_SHARES[demand.priority] + 0.5)
                windows.append(_part(Window(name=f"start:{key[1]}", ms=1000, most=places, open=share), instances))
        return windows

    def _forget(self, now: float) -> None:
        longest = 61.0
        self._calls = {key: calls for key, calls in self._calls.items() if calls[-1] + longest > now}


def _pause_keys(demand: Demand) -> tuple[_Key, _Key]:
    return (demand.bot, demand.scope), (demand.bot, demand.wide_scope)


def _part(window: Window, instances: int) -> Window:
    """Return one instance's part of a window; where a part is less than one call, the window gets longer instead."""
    if instances <= 1:
        return window
    most, ms = max(1, window.most // instances), window.ms
    if window.most < instances:
        ms = ms * instances // window.most
    places = min(most, window.open // instances) if window.open >= instances else min(1, window.open)
    return Window(name=window.name, ms=ms, most=most, open=places, counts=window.counts)


def _room(calls: deque[float] | None, window: Window, now: float) -> float:
    if window.open < 1:
        return window.ms / 1000
    if calls is None or len(calls) < window.open:
        return 0.0
    return max(0.0, calls[-window.open] + window.ms / 1000 - now)
