"""What the doctor finds in a PostgreSQL and a Redis that really are so."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from bot.core.checks import stores
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.domain.finding import Level

pytestmark = pytest.mark.servers


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator["Redis"]:
    """Open the server, and leave its settings as they were: all tests share it."""
    async with open_redis(redis_url) as opened:
        kept = {name: (await opened.config_get(name))[name] for name in ("maxmemory", "maxmemory-policy", "save")}
        await opened.config_set("save", "3600 1")
        yield opened
        for name, value in kept.items():
            await opened.config_set(name, value or "")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, pool_size=1, statements=load_statements()) as opened:
        yield opened


async def test_a_redis_that_is_nearly_full_is_named(redis: "Redis") -> None:
    """RD-1: with the setting that gives it room."""
    used = int((await redis.info("memory"))["used_memory"])
    await redis.config_set("maxmemory-policy", "noeviction")
    # Far below what is used: what it uses goes up and down by itself.
    await redis.config_set("maxmemory", used // 2)
    (full,) = await stores.redis(redis)
    await redis.config_set("maxmemory", used * 20)
    (roomy,) = await stores.redis(redis)

    assert (full.level, full.remedy) == (Level.WARNING, "raise maxmemory")
    assert roomy.level is Level.OK


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
async def test_a_redis_that_drops_what_it_likes_is_named(redis: "Redis", policy: str) -> None:
    """RD-1: only where it has a limit at all, for without one it drops nothing."""
    await redis.config_set("maxmemory-policy", policy)
    await redis.config_set("maxmemory", 0)
    (unlimited,) = await stores.redis(redis)
    await redis.config_set("maxmemory", 2**40)
    (found,) = await stores.redis(redis)

    assert unlimited.level is Level.OK
    assert (found.level, policy in found.what) == (Level.WARNING, True)
    assert "volatile-lru" in found.remedy


async def test_a_redis_that_forgets_is_noted(redis: "Redis") -> None:
    """RD-1: what waits there for PostgreSQL is lost with a restart; one that saves at times keeps it."""
    (saving,) = await stores.redis(redis)
    await redis.config_set("save", "")
    answering, forgetting = await stores.redis(redis)

    assert saving.level is answering.level is Level.OK
    assert (forgetting.level, "forgets everything" in forgetting.what) == (Level.NOTE, True)


async def test_work_that_nobody_does_is_named(database: Database, database_url: str) -> None:
    """RUN-1: letters, cases that are overdue, no instance, and several releases at once."""
    (idle,) = await stores.work(database)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO bots (bot_id, username, token_encrypted) VALUES (42, 'gate', ''), (43, 'asleep', '');"
        "UPDATE bots SET enabled = false WHERE bot_id = 43;"
        "INSERT INTO instances (instance_id, host, version, beat_at) VALUES"
        " (gen_random_uuid(), 'a', '1.0', now() + interval '1 hour'),"
        " (gen_random_uuid(), 'b', '1.1', now() + interval '1 hour'),"
        " (gen_random_uuid(), 'c', '0.9', now() - interval '1 hour')"
    )
    (running,) = [each for each in await stores.work(database) if each.level is Level.WARNING]
    await connection.execute(
        "INSERT INTO dead_letters (bot_id, update_id, body, error) VALUES (42, 7, '{}', 'why');"
        "INSERT INTO scheduled_actions (bot_id, kind, chat_id, due_at, dead_at) VALUES (42, 'k', 1, now(), now());"
        "INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted, done, due_at)"
        " VALUES (42, -1, 5, 'Sam', 'en', 'mute', 'mute', 'nothing', now() - interval '5 minutes'),"
        " (43, -1, 6, 'Max', 'en', 'mute', 'mute', 'nothing', now() - interval '5 minutes')"
    )
    found = await stores.work(database)
    await connection.close()

    assert (idle.level, idle.what, idle.remedy) == (Level.WARNING, "no instance is running", "gmbot serve")
    assert running.what == "instances of several releases run: 1.0, 1.1"
    assert [each.what for each in found] == [
        "1 updates and 1 actions were given up",
        # What a bot has that is stopped is due to nobody.
        "1 cases have been due for over a minute",
        "instances of several releases run: 1.0, 1.1",
    ]
