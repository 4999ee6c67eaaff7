"""The memory of one process: bounded, fresh, and never wrong."""

import sys
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.core.cache import Key, LocalCache, get_ttl_with_jitter
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership


def _key(user: int) -> Key:
    return BotId(1), ChannelId(-1001), UserId(user)


class _Watch:
    """A monotonic clock that is moved by hand."""

    def __init__(self, now: float = 5.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_jitter_stays_within_its_bounds() -> None:
    """600 s and 15 % are 510 to 690 s."""
    lives = [get_ttl_with_jitter(600, 15) for _ in range(20_000)]

    assert min(lives) >= 510
    assert max(lives) <= 690
    assert all(isinstance(life, int) for life in lives)


def test_jitter_is_evenly_spread() -> None:
    """Every tenth of the range gets a tenth of the entries, so that they do not expire together."""
    tenths = Counter((get_ttl_with_jitter(600, 15) - 510) * 10 // 181 for _ in range(20_000))

    assert len(tenths) == 10
    assert all(1700 < count < 2300 for count in tenths.values())


def test_jitter_reaches_both_ends() -> None:
    """The dice decide, and their range is the whole range."""
    ranges: list[tuple[int, int]] = []

    def lowest(low: int, high: int) -> int:
        ranges.append((low, high))
        return low

    assert get_ttl_with_jitter(600, 15, randint=lowest) == 510
    assert get_ttl_with_jitter(600, 15, randint=lambda _, high: high) == 690
    assert get_ttl_with_jitter(600, 0, randint=lowest) == 600
    assert ranges == [(-90, 90), (0, 0)]


def test_an_answer_is_forgotten_when_its_time_is_over() -> None:
    """At the very end it is no longer fresh."""
    watch = _Watch()
    cache = LocalCache(size=10, monotonic=watch)
    cache.put(_key(1), Membership.ABSENT, 60)

    watch.now += 59.9
    assert cache.get(_key(1)) is Membership.ABSENT

    watch.now += 0.1
    assert cache.get(_key(1)) is None


@pytest.mark.parametrize("answer", [Membership.MEMBER, Membership.ABSENT])
def test_an_answer_that_is_over_already_is_not_kept(answer: Membership) -> None:
    """An event heard late, on a machine that has just booted, must not turn into its opposite."""
    watch = _Watch(now=10.0)
    cache = LocalCache(size=10, monotonic=watch)
    cache.put(_key(1), Membership.MEMBER, 100)

    cache.put(_key(1), answer, -60)

    assert cache.get(_key(1)) is None


def test_unknown_is_not_an_answer() -> None:
    """It is not kept, and it takes the place of what was there."""
    cache = LocalCache(size=10, monotonic=_Watch())
    cache.put(_key(1), Membership.MEMBER, 60)

    cache.put(_key(1), Membership.UNKNOWN, 60)

    assert cache.get(_key(1)) is None


def test_distrust_keeps_memberships_for_a_minute_and_no_absence() -> None:
    """After a break in the events nobody is held to be absent on an old answer."""
    watch = _Watch()
    cache = LocalCache(size=10, monotonic=watch)
    cache.put(_key(1), Membership.MEMBER, 600)
    cache.put(_key(2), Membership.ABSENT, 600)
    cache.put(_key(3), Membership.MEMBER, 30)

    cache.distrust(60)

    assert [cache.get(_key(user)) for user in (1, 2, 3)] == [Membership.MEMBER, None, Membership.MEMBER]
    watch.now += 31
    assert cache.get(_key(3)) is None
    watch.now += 30
    assert cache.get(_key(1)) is None


def _aged(*, seconds: float) -> tuple[LocalCache, _Watch]:
    """Return a cache with a membership of user 1 and an absence of user 2, both of that age."""
    watch = _Watch()
    cache = LocalCache(size=10, monotonic=watch, life=600)
    cache.put(_key(1), Membership.MEMBER, 600)
    cache.put(_key(2), Membership.ABSENT, 600)
    watch.now += seconds
    return cache, watch


def test_a_membership_looked_at_in_the_last_fifth_of_its_life_is_due() -> None:
    """Once, however often it is looked at; an absence is left to its end."""
    cache, _ = _aged(seconds=481)
    for _ in range(3):
        assert cache.get(_key(1)) is Membership.MEMBER
        assert cache.get(_key(2)) is Membership.ABSENT

    assert cache.is_due(_key(1))
    assert not cache.is_due(_key(2))
    assert cache.take_due(10) == [_key(1)]
    assert cache.take_due(10) == []


@pytest.mark.parametrize("age", [0.0, 479.0, 600.0, 700.0])
def test_a_membership_is_not_due_before_that_nor_after_its_end(age: float) -> None:
    """Too early costs calls, and what is over is asked about anyway."""
    cache, _ = _aged(seconds=age)
    cache.get(_key(1))

    assert not cache.is_due(_key(1))
    assert cache.take_due(10) == []


def test_a_renewed_membership_is_not_due_any_more() -> None:
    """Its life begins anew."""
    cache, _ = _aged(seconds=500)
    cache.put(_key(1), Membership.MEMBER, 600)

    assert not cache.is_due(_key(1))


def test_short_lives_after_a_break_are_not_due_at_once() -> None:
    """While events may be missed a membership lives for a minute: its last fifth is 12 s, until events arrive again."""
    cache, watch = _aged(seconds=0)
    cache.distrust(60)

    watch.now += 47
    assert not cache.is_due(_key(1))
    watch.now += 2
    assert cache.is_due(_key(1))

    cache.clear()
    cache.put(_key(1), Membership.MEMBER, 100)
    assert cache.is_due(_key(1))


def test_what_is_due_is_bounded() -> None:
    """Nobody takes what is due: it does not fill the memory."""
    cache = LocalCache(size=40_000, monotonic=_Watch(), life=600)
    for user in range(12_000):
        cache.put(_key(user), Membership.MEMBER, 60)
        cache.get(_key(user))

    assert len(cache.take_due(20_000)) == 10_000


def test_what_is_used_stays() -> None:
    """A member who writes now and then is not pushed out by a crowd of others."""
    cache = LocalCache(size=100, monotonic=_Watch())
    cache.put(_key(0), Membership.MEMBER, 600)

    for user in range(1, 1000):
        cache.put(_key(user), Membership.MEMBER, 600)
        if user % 40 == 0:
            assert cache.get(_key(0)) is Membership.MEMBER

    assert cache.get(_key(0)) is Membership.MEMBER
    assert len(cache) <= 100


_ids = st.integers(-3, 3) | st.integers(2**52 - 3, 2**52) | st.integers(-(2**52), 3 - 2**52)
_keys = st.tuples(st.builds(BotId, _ids), st.builds(ChannelId, _ids), st.builds(UserId, _ids))


@given(st.lists(_keys, unique=True, max_size=20))
def test_nobody_has_the_answer_of_another(keys: list[Key]) -> None:
    """Not with the longest ids that the gate takes, of either sign."""
    cache = LocalCache(size=100, monotonic=_Watch())
    for seconds, key in enumerate(keys, 1):
        cache.put(key, Membership.MEMBER if seconds % 2 else Membership.ABSENT, seconds)

    assert len(cache) == len(keys)
    found = [cache.get(key) for key in keys]
    assert found == [(Membership.ABSENT, Membership.MEMBER)[number % 2] for number in range(1, len(keys) + 1)]


def test_memory_for_each_membership(capsys: pytest.CaptureFixture[str]) -> None:
    """An entry costs less than 250 bytes, ids included."""
    count = 50_000
    tracemalloc.start()
    cache = LocalCache(size=4 * count, monotonic=_Watch())
    for user in range(10**9, 10**9 + count):
        cache.put(_key(user), Membership.MEMBER, 600.5)
    each = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()

    with capsys.disabled():
        sys.stdout.write(f"\n  L1: {each:.0f} bytes for each membership\n")
    assert len(cache) == count
    assert each < 250


class CacheAgainstModel(RuleBasedStateMachine):
    """Compares the cache with a dictionary that forgets nothing."""

    @initialize(size=st.integers(1, 12), now=st.floats(0.1, 1000))
    def begin(self, size: int, now: float) -> None:
        self.size = size
        self.watch = _Watch(now)
        self.cache = LocalCache(size=size, monotonic=self.watch)
        self.model: dict[Key, tuple[Membership, float]] = {}
        self.recent: list[Key | None] = []

    def _use(self, key: Key) -> None:
        self.recent = [key, *(other for other in self.recent if other != key)]

    @rule(user=st.integers(1, 15), answer=st.sampled_from(Membership), seconds=st.floats(-100, 700))
    def put(self, user: int, answer: Membership, seconds: float) -> None:
        key = _key(user)
        self.cache.put(key, answer, seconds)
        if answer is Membership.UNKNOWN or seconds <= 0:
            self._forget(key)
        else:
            self.model[key] = (answer, self.watch.now + seconds)
            self._use(key)

    @rule(user=st.integers(1, 15))
    def get(self, user: int) -> None:
        """Find what the model has, or nothing."""
        key = _key(user)
        answer, expiry = self.model.get(key, (None, 0.0))
        fresh = answer if expiry > self.watch.now else None
        found = self.cache.get(key)
        assert found in {None, fresh}
        if key in self.recent[: max(1, self.size // 2)]:
            assert found is fresh
        if found is not None:
            self._use(key)

    @rule(user=st.integers(1, 15))
    def drop(self, user: int) -> None:
        self.cache.drop(_key(user))
        self._forget(_key(user))

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.model.clear()
        self.recent.clear()

    @rule(seconds=st.floats(1, 100))
    def distrust(self, seconds: float) -> None:
        self.cache.distrust(seconds)
        for key, (answer, expiry) in tuple(self.model.items()):
            if answer is Membership.ABSENT:
                self._forget(key)
            else:
                self.model[key] = (answer, min(expiry, self.watch.now + seconds))

    @rule(seconds=st.floats(0, 400))
    def wait(self, seconds: float) -> None:
        self.watch.now += seconds

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "cache"):
            assert len(self.cache) <= max(2, self.size)

    def _forget(self, key: Key) -> None:
        """Forget an answer; the place it took among the recent ones may have cost another its own."""
        self.model.pop(key, None)
        self.recent = [None if other == key else other for other in self.recent]


TestCacheAgainstModel = CacheAgainstModel.TestCase
