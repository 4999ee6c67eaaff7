"""Time to live with jitter, and the bounded memory of this process."""

import random
from collections.abc import Callable

from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership

Key = tuple[BotId, ChannelId, UserId]


def get_ttl_with_jitter(ttl: int, percent: int, *, randint: Callable[[int, int], int] = random.randint) -> int:
    """Return `ttl` seconds plus or minus up to `percent`, evenly spread, so that entries do not expire together."""
    spread = ttl * percent // 100
    return ttl + randint(-spread, spread)


class LocalCache:
    """Membership answers in this process, bounded, roughly least recently used.

    Two generations of dictionaries: what is used moves to the young one; when that is full, it becomes the old
    one and the old one is dropped. A lookup is one or two dictionary reads, which an exact order would triple.
    """

    def __init__(self, *, size: int, monotonic: Callable[[], float]) -> None:
        self._half = max(1, size // 2)
        self._monotonic = monotonic
        self._young: dict[Key, float] = {}
        self._old: dict[Key, float] = {}

    def get(self, key: Key) -> Membership | None:
        """Return the answer while it is fresh."""
        expiry = self._young.get(key)
        if expiry is None:
            expiry = self._old.pop(key, None)
            if expiry is None:
                return None
            self._keep(key, expiry)
        # An absence is stored as a negative expiry: one number holds both, and no object is made per entry.
        if abs(expiry) <= self._monotonic():
            return None
        return Membership.MEMBER if expiry > 0 else Membership.ABSENT

    def put(self, key: Key, answer: Membership, seconds: float) -> None:
        """Keep an answer for that long. UNKNOWN is not an answer, and what is over already is none any more."""
        self._old.pop(key, None)
        # Soon after the machine's start an expiry in the past would be negative, and read as the opposite answer.
        if answer is Membership.UNKNOWN or seconds <= 0:
            self._young.pop(key, None)
            return
        expiry = self._monotonic() + seconds
        self._keep(key, expiry if answer is Membership.MEMBER else -expiry)

    def drop(self, key: Key) -> None:
        """Forget one answer."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._young.clear()
        self._old.clear()

    def distrust(self, seconds: float) -> None:
        """Forget absences and cap what is left of memberships: events may have been missed."""
        limit = self._monotonic() + seconds
        for entries in (self._young, self._old):
            trusted = {key: min(expiry, limit) for key, expiry in entries.items() if expiry > 0}
            entries.clear()
            entries.update(trusted)

    def __len__(self) -> int:
        """Count entries, fresh or not."""
        return len(self._young) + len(self._old)

    def _keep(self, key: Key, expiry: float) -> None:
        if len(self._young) >= self._half and key not in self._young:
            self._old = self._young
            self._young = {}
        self._young[key] = expiry
