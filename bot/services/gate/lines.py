"""The cases that wait for a worker of this process: a line for each bot, so that no crowd stands before the others."""

import asyncio
import heapq
import itertools
from collections import Counter, deque
from collections.abc import Collection

from bot.domain.ids import BotId, CaseId

_FIRST, _IN_TURN = 0, 1
_Entry = tuple[int, int, CaseId]
_Turn = tuple[BotId, CaseId]


class Lines:
    """Hands cases to workers. Who is to be freed goes first, then the bot that has the fewest workers.

    A bot has at most so many workers at once: the others find one free, however long its calls take.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        # By place, then in the order they came; a case that is moved forward stands in its line twice.
        self._lines: dict[BotId, list[_Entry]] = {}
        self._places: dict[CaseId, int] = {}
        self._lengths: Counter[BotId] = Counter()
        self._workers: Counter[BotId] = Counter()
        # From the moment they are handed out: their worker may begin later.
        self._at_work: set[CaseId] = set()
        self._takers: deque[asyncio.Future[_Turn]] = deque()
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._places)

    def longer_than(self, length: int) -> Collection[BotId]:
        """Return the bots for which more cases wait."""
        return [bot for bot, waiting in self._lengths.items() if waiting > length]

    def join(self, bot: BotId, case: CaseId, *, first: bool) -> bool:
        """Let a case wait, once; one that waits already may be moved forward. False when it has a worker."""
        if case in self._at_work:
            return False
        place = _FIRST if first else _IN_TURN
        held = self._places.get(case)
        if held is not None and held <= place:
            return True
        self._lengths[bot] += held is None
        self._places[case] = place
        heapq.heappush(self._lines.setdefault(bot, []), (place, next(self._numbers), case))
        self._hand_out()
        return True

    async def take(self) -> _Turn:
        """Wait for a case; `leave` gives the worker's place back."""
        taker: asyncio.Future[_Turn] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        self._hand_out()
        try:
            return await taker
        except asyncio.CancelledError:
            if taker.done() and not taker.cancelled():
                self.leave(*taker.result())
            raise

    def leave(self, bot: BotId, case: CaseId) -> None:
        """Give back the case, and the place of a worker of the bot."""
        self._at_work.discard(case)
        self._workers[bot] -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._takers and (bot := self._next()) is not None:
            taker = self._takers.popleft()
            if taker.done():
                continue
            _, _, case = heapq.heappop(self._lines[bot])
            del self._places[case]
            self._lengths[bot] -= 1
            self._workers[bot] += 1
            self._at_work.add(case)
            taker.set_result((bot, case))

    def _next(self) -> BotId | None:
        best: tuple[tuple[int, int, int], BotId] | None = None
        for bot in list(self._lines):
            head = self._head(bot)
            if head is None or self._workers[bot] >= self._most:
                continue
            rank = (head[0], self._workers[bot], head[1])
            if best is None or rank < best[0]:
                best = rank, bot
        return None if best is None else best[1]

    def _head(self, bot: BotId) -> _Entry | None:
        """Return the first that still waits, and forget a line that is empty."""
        line = self._lines[bot]
        while line and self._places.get(line[0][2]) != line[0][0]:
            heapq.heappop(line)
        if line:
            return line[0]
        del self._lines[bot]
        del self._lengths[bot]
        return None
