"""Time to live with jitter, and the bounded memory of this process."""

import random
from collections.abc import Callable, Sequence
from itertools import islice

from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership

Key = tuple[BotId, ChannelId, UserId]

# A membership that is looked at in this last part of its life is due for renewal.
LAST_PART = 0.2
# As many as are renewed in a few minutes; who does not find room is noted with the next message.
_MOST_DUE = 10_000


def get_ttl_with_jitter(ttl: int, percent: int, *, randint: Callable[[int, int], int] = random.randint) -> int:
    """Return `ttl` seconds plus or minus up to `percent`, evenly spread, so that entries do not expire together."""
    spread = ttl * percent // 100
    return ttl + randint(-spread, spread)


class LocalCache:
    """Membership answers in this process, bounded, roughly least recently used.

    Two generations of dictionaries: what is used moves to the young one; when that is full, it becomes the old
    one and the old one is dropped. A lookup is one or two dictionary reads, which an exact order would triple.
    """

    def __init__(self, *, size: int, monotonic: Callable[[], float], life: float = 0.0) -> None:
        """Keep nothing yet. `life` is how long memberships usually last, in seconds; 0 lets none become due."""
        self._half = max(1, size // 2)
        self._monotonic = monotonic
        self._usual_lead = life * LAST_PART
        self._lead = self._usual_lead
        self._due: dict[Key, None] = {}
        self._young: dict[Key, float] = {}
        self._old: dict[Key, float] = {}
        # One number for each bot and channel, however many entries name it: a fourth of an entry's memory.
        self._ids: dict[int, int] = {}

    def get(self, key: Key) -> Membership | None:
        """Return the answer while it is fresh; a membership near its end is noted as due."""
        expiry = self._young.get(key)
        if expiry is None:
            expiry = self._old.pop(key, None)
            if expiry is None:
                return None
            self._keep(key, expiry)
        # An absence is stored as a negative expiry: one number holds both, and no object is made per entry.
        left = abs(expiry) - self._monotonic()
        if left <= 0:
            return None
        if expiry < 0:
            return Membership.ABSENT
        if left < self._lead and len(self._due) < _MOST_DUE:
            self._due[key] = None
        return Membership.MEMBER

    def is_due(self, key: Key) -> bool:
        """Whether this is a membership near its end."""
        return 0 < self._young.get(key, self._old.get(key, 0.0)) - self._monotonic() < self._lead

    def take_due(self, limit: int) -> Sequence[Key]:
        """Hand out memberships that were looked at near their end, each once, in the order of the looks."""
        due = list(islice(self._due, limit))
        for key in due:
            del self._due[key]
        return due

    def put(self, key: Key, answer: Membership, seconds: float) -> None:
        """Keep an answer for that long. UNKNOWN is not an answer, and what is over already is none any more."""
        self._old.pop(key, None)
        # Soon after the machine's start an expiry in the past would be negative, and read as the opposite answer.
        if answer is Membership.UNKNOWN or seconds <= 0:
            self._young.pop(key, None)
            return
        expiry = self._monotonic() + seconds
        bot, channel, user = key
        shared = BotId(self._ids.setdefault(bot, bot)), ChannelId(self._ids.setdefault(channel, channel)), user
        self._keep(shared, expiry if answer is Membership.MEMBER else -expiry)

    def drop(self, key: Key) -> None:
        """Forget one answer."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget everything, and trust what comes from now on for as long as usual."""
        self._young.clear()
        self._old.clear()
        self._due.clear()
        self._ids.clear()
        self._lead = self._usual_lead

    def distrust(self, seconds: float) -> None:
        """Forget absences and cap what is left of memberships: events may have been missed."""
        limit = self._monotonic() + seconds
        # What comes next lives no longer either; with the usual lead all of it would be due at once.
        self._lead = min(self._usual_lead, seconds * LAST_PART)
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
