"""Telegram's published sending limits, where a simulator is asked to keep them."""

from collections import deque
from dataclasses import dataclass, field
from math import ceil

from .errors import ApiError

MINUTE = 60.0
SECOND = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodLimits:
    """How much a bot may send: altogether in a second, to one user at once, to one group in a minute."""

    per_second: int = 30
    burst_per_chat: int = 3
    per_group_minute: int = 20


@dataclass(slots=True, eq=False)
class FloodControl:
    """Counts what is sent; without limits it lets everything pass. Reads and member changes are not counted."""

    limits: FloodLimits | None = None
    _sent: dict[tuple[int, int | None], deque[float]] = field(default_factory=dict)

    def check(self, *, bot: int, method: str, chat: int | None, now: float) -> None:
        """Refuse with the time to wait when a limit is reached; otherwise count."""
        limits = self.limits
        if limits is None or not method.startswith(("send", "edit", "copy", "forward")):
            return
        windows: list[tuple[tuple[int, int | None], int, float]] = [((bot, None), limits.per_second, SECOND)]
        if chat is not None and chat < 0:
            windows.append(((bot, chat), limits.per_group_minute, MINUTE))
        elif chat is not None:
            windows.append(((bot, chat), limits.burst_per_chat, limits.burst_per_chat * SECOND))
        for key, most, seconds in windows:
            sent = self._recent(key, now - seconds)
            if len(sent) >= most:
                raise ApiError.flood(max(1, ceil(sent[0] + seconds - now)))
        for key, _, _ in windows:
            self._sent[key].append(now)

    def _recent(self, key: tuple[int, int | None], since: float) -> deque[float]:
        sent = self._sent.setdefault(key, deque())
        while sent and sent[0] <= since:
            sent.popleft()
        return sent
