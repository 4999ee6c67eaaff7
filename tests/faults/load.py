"""An open loop: messages fall due at random moments that nothing puts off, and each is counted from its moment on."""

import asyncio
import gc
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.simulator import Chat
from tests.faults.tally import Tally
from tests.faults.town import Stranger, Town

_PULSE_SECONDS = 0.002
_COLLECT_SECONDS = 0.1
# How long a silenced stranger takes to read the prompt and to join.
_HESITATION_SECONDS = (0.5, 2.5)
# Whoever is not muted by then was let through on a doubt, and speaks again.
_PATIENCE_SECONDS = 10.0
# So many messages stand; the town would grow without end otherwise.
_MESSAGES_KEPT = 20_000


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How much is written, by whom, for how long."""

    seconds: float
    rate: float
    """Messages a second."""
    strangers: float
    """The share of messages that are a stranger's first."""

    @property
    def strangers_needed(self) -> int:
        """How many strangers there must be."""
        return int(self.seconds * self.rate * self.strangers * 1.2) + 20


@contextmanager
def young_garbage_only() -> Iterator[None]:
    """Let the collector leave alone what has been there for long: the whole town, that is.

    To walk it takes hundreds of milliseconds, in which nothing is written or answered, and would count as the bot's.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.set_threshold(*thresholds[:2], 1_000_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


class Load:
    """Writes messages as they fall due, and has silenced strangers join."""

    def __init__(self, town: Town, pace: Pace, tally: Tally, dice: random.Random) -> None:
        self._town = town
        self._pace = pace
        self._tally = tally
        self._dice = dice
        self._clock = town.sim.clock
        self._standing: deque[tuple[Chat, int]] = deque()
        self._waiting = list(town.strangers)

    async def run(self, progress: Callable[[float], None], going: Callable[[], bool] = lambda: False) -> None:
        """Write for as long as the pace says, and for as long as something else is going on."""
        self._tally.began = due = self._clock.now()
        end, next_look = due + self._pace.seconds, due
        while (now := self._clock.now()) < end or going():
            while due <= now:
                self._write(due)
                due += self._dice.expovariate(self._pace.rate)
            if now >= next_look:
                next_look = now + _COLLECT_SECONDS
                self._look(now)
                progress(now - self._tally.began)
            await asyncio.sleep(_PULSE_SECONDS)

    async def settle(self, seconds: float) -> None:
        """Have everybody join who was silenced, and wait until all is acknowledged and done.

        Gives up when nothing has moved for so long: what is missing then is lost, and what moves is only late. Who was
        not silenced joins after half of it; sooner, a word that was kept in an outage would come from a member.
        """
        moved_at, before = self._clock.now(), self._tally.stand
        while (now := self._clock.now()) < moved_at + seconds:
            self._look(now)
            if self._tally.stand != before:
                moved_at, before = now, self._tally.stand
            late = now > moved_at + seconds / 2
            for stranger in list(self._tally.active.values()):
                if late and stranger.joined_at is None:
                    self._tally.join(stranger, now)
            if not self._tally.active and not self._tally.lost:
                break
            await asyncio.sleep(_COLLECT_SECONDS)

    def _write(self, due: float) -> None:
        if self._waiting and self._dice.random() < self._pace.strangers:
            stranger = self._waiting.pop()
            stranger.message = self._town.sim.say(stranger.user, stranger.group, "hello, may I?").id
            self._tally.sent(due, stranger)
            return
        member, group = self._dice.choice(self._town.members)
        message = self._town.sim.say(member, group, "as I was saying, it is a fine day")
        self._tally.sent(due, None)
        self._standing.append((group, message.id))
        if len(self._standing) > _MESSAGES_KEPT:
            chat, oldest = self._standing.popleft()
            chat.messages.pop(oldest, None)

    def _look(self, now: float) -> None:
        self._tally.collect()
        for stranger in self._tally.settle_strangers():
            stranger.join_at = now + self._dice.uniform(*_HESITATION_SECONDS)
        for stranger in self._tally.unheard(now - _PATIENCE_SECONDS):
            self._tally.speaks_again(stranger, now)
        due: list[Stranger] = [
            each for each in self._tally.active.values() if each.join_at is not None and each.join_at <= now
        ]
        for stranger in due:
            self._tally.join(stranger, now)
