"""A Redis behind Sentinel: how its URL is read, and a short failover. The long one is a part of `make ha`."""

import json
from collections.abc import AsyncIterator
from functools import partial

import pytest

from bot.core.redis.connection import open_redis
from bot.core.redis.sentinel import read_service
from bot.domain.errors import SettingsError
from tests.failover.caches import failovers, hears
from tests.failover.watched import Watched, watched_valkeys
from tests.integration.cli.test_bots import Shell, gmbot
from tests.kits.platform import Lounge, Platform, eventually

__all__ = ["gmbot"]

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(240)]

_LATEST_SECONDS = 20.0


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    """Run a primary, two replicas and three sentinels."""
    async with watched_valkeys() as watched:
        yield watched


def test_an_address_with_sentinels_is_read() -> None:
    """Logins, certificates, ports and databases reach whom they are for."""
    plain = read_service("redis+sentinel://one,two:7000,[::1]:7001/gm%20bot")
    sealed = read_service(
        "rediss+sentinel://me:p%40ss@one/gmbot/3?sentinel_password=s&sentinel_username=w&ssl_cert_reqs=none"
    )

    assert (plain.name, plain.tls, plain.options) == ("gm bot", False, {"db": 0})
    assert plain.sentinels == [("one", 26379), ("two", 7000), ("::1", 7001)]
    assert sealed.tls
    assert sealed.options == {"username": "me", "password": "p@ss", "db": 3, "ssl_cert_reqs": "none"}
    assert sealed.sentinel_options == {"username": "w", "password": "s", "ssl_cert_reqs": "none"}


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379",
        "redis+sentinel:///gmbot/0",
        "redis+sentinel://one/gmbot/x",
        "redis+sentinel://one:x/gmbot",
    ],
)
def test_an_address_that_lacks_something_is_refused(url: str) -> None:
    """With the shape that it should have."""
    with pytest.raises(SettingsError, match=r"redis\+sentinel://"):
        read_service(url)


async def test_a_redis_that_dies_is_replaced_and_nothing_is_doubled(watched: Watched, database_url: str) -> None:
    """Under load; the instances hear each other again, and the dead one comes back as a replica."""
    report = await failovers(watched, database_url, 1, rate=15, calm_seconds=1, seed=5)

    assert report.faults == []
    assert report.counted.strangers > 0
    assert report.rounds[0].first_write < _LATEST_SECONDS
    assert report.rounds[0].hearing < _LATEST_SECONDS


async def test_an_instance_follows_a_planned_change(watched: Watched, lounge: Lounge, platform: Platform) -> None:
    """Sentinel replaces a healthy primary: all listen to the new one, and health says well."""
    platform.redis_url = watched.url
    async with platform.instance() as first, platform.instance() as second:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        before = await watched.primary()
        await watched.fail_over()

        async def moved() -> bool:
            return await watched.primary() is not before and await watched.role(before) == ("slave", 0)

        await eventually(moved, "the former primary follows", within=_LATEST_SECONDS)
        async with open_redis(watched.url) as redis:

            async def both_listen() -> bool:
                return dict(await redis.pubsub_numsub("gmbot:membership")) == {b"gmbot:membership": 2}

            await eventually(both_listen, "both listen to the new primary", within=_LATEST_SECONDS)
        for url in (first, second):
            await eventually(partial(hears, url), "it hears the others", within=_LATEST_SECONDS)


async def test_the_doctor_looks_at_sentinels(watched: Watched, gmbot: Shell) -> None:
    """Who is primary, who follows; and a sentinel that is away."""
    well = await gmbot("doctor", "--only", "stores", "--json", REDIS_URL=watched.url)
    watched.sentinels[1].kill()
    lame = await gmbot("doctor", "--only", "RD-2", "--json", REDIS_URL=watched.url)

    assert [each["level"] for each in json.loads(well.out) if each["check"] == "RD-2"] == ["ok"]
    assert [each["level"] for each in json.loads(lame.out)] == ["warning"]
    assert watched.sentinels[1].address in json.loads(lame.out)[0]["what"]
