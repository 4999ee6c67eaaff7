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
# "At most 52 significant bits", says the Bot API of the ids of users and chats, and the gate takes 2**52 itself, too:
# with either sign that is a little more than 53 bits hold.
_ID_BITS = 54


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
        self._young: dict[int, float] = {}
        self._old: dict[int, float] = {}

    def get(self, key: Key) -> Membership | None:
        """Return the answer while it is fresh; a membership near its end is noted as due."""
        number = _number(key)
        expiry = self._young.get(number)
        if expiry is None:
            expiry = self._old.pop(number, None)
            if expiry is None:
                return None
            self._keep(number, expiry)
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
        number = _number(key)
        return 0 < self._young.get(number, self._old.get(number, 0.0)) - self._monotonic() < self._lead

    def take_due(self, limit: int) -> Sequence[Key]:
        """Hand out memberships that were looked at near their end, each once, in the order of the looks."""
        due = list(islice(self._due, limit))
        for key in due:
            del self._due[key]
        return due

    def put(self, key: Key, answer: Membership, seconds: float) -> None:
        """Keep an answer for that long. UNKNOWN is not an answer, and what is over already is none any more."""
        number = _number(key)
        self._old.pop(number, None)
        # Soon after the machine's start an expiry in the past would be negative, and read as the opposite answer.
        if answer is Membership.UNKNOWN or seconds <= 0:
            self._young.pop(number, None)
            return
        expiry = self._monotonic() + seconds
        self._keep(number, expiry if answer is Membership.MEMBER else -expiry)

    def drop(self, key: Key) -> None:
        """Forget one answer."""
        number = _number(key)
        self._young.pop(number, None)
        self._old.pop(number, None)

    def clear(self) -> None:
        """Forget everything, and trust what comes from now on for as long as usual."""
        self._young.clear()
        self._old.clear()
        self._due.clear()
        self._lead = self._usual_lead

    def distrust(self, seconds: float) -> None:
        """Forget absences and cap what is left of memberships: events may have been missed."""
        limit = self._monotonic() + seconds
        # What comes next lives no longer either; with the usual lead all of it would be due at once.
        self._lead = min(self._usual_lead, seconds * LAST_PART)
        for entries in (self._young, self._old):
            trusted = {number: min(expiry, limit) for number, expiry in entries.items() if expiry > 0}
            entries.clear()
            entries.update(trusted)

    def __len__(self) -> int:
        """Count entries, fresh or not."""
        return len(self._young) + len(self._old)

    def _keep(self, number: int, expiry: float) -> None:
        if len(self._young) >= self._half and number not in self._young:
            self._old = self._young
            self._young = {}
        self._young[number] = expiry


def _number(key: Key) -> int:
    """Return one number for all three: half of what a tuple and its ids take."""
    bot, channel, user = key
    return (bot << 2 * _ID_BITS) + (channel << _ID_BITS) + user
