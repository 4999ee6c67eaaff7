"""The parts of the hot path and of the caches, for pytest-benchmark: `pytest tests/benchmarks --benchmark-only`."""

import asyncio
import time
from collections.abc import Iterator

import pytest
import uvloop
from pytest_benchmark.fixture import BenchmarkFixture

from bot.core.cache import LocalCache, get_ttl_with_jitter
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership
from bot.utils.benchmarks.hotpath import HotPath, hot_path

_KEY = (BotId(1), ChannelId(-1_001_000_000_000), UserId(5_000_000_001))


@pytest.fixture
def path() -> Iterator[HotPath]:
    """Build the hot path in an event loop that runs only between the measurements."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner.run(hot_path())


def test_benchmark_authentication(benchmark: BenchmarkFixture, path: HotPath) -> None:
    """Find the bot of a request and compare its secret."""
    benchmark(path.authenticate)


def test_benchmark_decoding(benchmark: BenchmarkFixture, path: HotPath) -> None:
    """Read the head of an update."""
    benchmark(path.decode)


def test_benchmark_gate(benchmark: BenchmarkFixture, path: HotPath) -> None:
    """Decide on a verified member's message."""
    benchmark(path.decide)


def test_benchmark_request(benchmark: BenchmarkFixture, path: HotPath) -> None:
    """Serve a verified member's message from the bytes of its request to those of the answer."""
    benchmark(path.serve)


def test_benchmark_cache_hit(benchmark: BenchmarkFixture) -> None:
    """Recall a membership."""
    cache = LocalCache(size=200_000, monotonic=time.monotonic)
    cache.put(_KEY, Membership.MEMBER, 600)

    assert benchmark(cache.get, _KEY) is Membership.MEMBER


def test_benchmark_cache_put(benchmark: BenchmarkFixture) -> None:
    """Remember a membership."""
    cache = LocalCache(size=200_000, monotonic=time.monotonic)
    benchmark(cache.put, _KEY, Membership.MEMBER, 600)

    assert cache.get(_KEY) is Membership.MEMBER


def test_benchmark_jitter(benchmark: BenchmarkFixture) -> None:
    """Draw a time to live."""
    assert 510 <= benchmark(get_ttl_with_jitter, 600, 15) <= 690
