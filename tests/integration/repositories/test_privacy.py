"""What is known about somebody: found, told, erased, and named in the documents; and the audit that nobody edits."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from bot.core.clock import SystemClock
from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.repositories.privacy import PersonalKeys, PersonalRows, new_pseudonym
from bot.domain.errors import StillHeldError
from bot.domain.ids import BotId, UserId
from bot.services.operating.privacy import Privacy

pytestmark = pytest.mark.servers

BOT, USER, ADMIN = BotId(42), UserId(777000123), UserId(5)
DATA_PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations" / "data.md"

# What a column is called that says who somebody is. The names of bots, groups and channels are no people.
_PEOPLES = re.compile(r"(.*_)?(user|actor|owner|admin|person|member|operator|sender|contact)(_id|_name)?|.*_by")

_SEEDS = (
    "INSERT INTO owners (bot_id, user_id) VALUES (42, $1)",
    "INSERT INTO protected_groups (bot_id, group_id, title, configured_by, seq) VALUES (42, -1, 'Lounge', $1, 1)",
    "INSERT INTO group_exemptions (bot_id, group_id, user_id, user_name, added_by) VALUES (42, -1, $1, 'Sam', $1)",
    "INSERT INTO channels (bot_id, channel_id, title, contact) VALUES (42, -9, 'News', $1)",
    "INSERT INTO channel_uses (bot_id, channel_id, group_id, group_title, answered_by) VALUES (42, -9, -1, 'L', $1)",
    "INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at) VALUES (42, -1, $1, now())",
    "INSERT INTO join_requests (bot_id, group_id, user_id, language) VALUES (42, -1, $1, 'en')",
    "INSERT INTO channel_requests (bot_id, user_id, channel_id) VALUES (42, $1, -9)",
    "INSERT INTO set_ups (bot_id, user_id, group_id, title, basic_group, before) VALUES (42, $1, -1, 'L', false, '{}')",
    (
        "INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted, closed_at)"
        " VALUES (42, -1, $1, 'Sam', 'en', 'mute', 'free', now())"
    ),
    (
        "INSERT INTO scheduled_actions (bot_id, kind, chat_id, user_id, due_at, dead_at)"
        " VALUES (42, 'unban', $1, $1, now(), now())"
    ),
    "INSERT INTO verification_events (bot_id, group_id, user_id, outcome) VALUES (42, -1, $1, 'muted')",
    (
        "INSERT INTO dead_letters (bot_id, update_id, body, error)"
        " SELECT 42, 1, convert_to('{\"message\": {\"from\": {\"id\": ' || $1::bigint || '}}}', 'UTF8'), 'why'"
    ),
    (
        "INSERT INTO audit_log (bot_id, actor, action, chat_id, detail)"
        " SELECT 42, $1, 'exempt', $1, jsonb_build_object('user', $1::bigint, 'others', jsonb_build_array(-1, 5))"
    ),
)


@dataclass
class Archive:
    """A deployment's stores, with one person everywhere in them."""

    connection: "asyncpg.Connection[asyncpg.Record]"
    redis: Redis
    privacy: Privacy

    async def columns(self) -> list[tuple[str, str]]:
        """Return the columns that may hold a person's number."""
        rows = await self.connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables t"
            " USING (table_schema, table_name)"
            " WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE'"
            " AND data_type IN ('bigint', 'text')"
            " AND table_name !~ '^verification_events_'"
        )
        return sorted((table, column) for table, column in rows if _PEOPLES.fullmatch(column))

    async def dump(self) -> str:
        """Return everything that is stored, as text."""
        tables = await self.connection.fetch(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        lines = []
        for (table,) in tables:
            rows = await self.connection.fetch(f'SELECT * FROM "{table}"')  # noqa: S608 - names from the catalogue
            lines += [f"{table}: {[self._readable(value) for value in row.values()]}" for row in rows]
        async for name in self.redis.scan_iter():
            lines.append(f"{name!r}: {await self._value(name)}")
        return "\n".join(lines)

    @staticmethod
    def _readable(value: object) -> str:
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    async def _value(self, name: bytes) -> str:
        match await self.redis.type(name):
            case b"string":
                return str(await self.redis.get(name))
            case b"hash":
                return str(await self.redis.hgetall(name))
            case b"stream":
                return str(await self.redis.xrange(name))
            case _:
                return ""


@pytest.fixture
async def archive(database_url: str, redis_url: str) -> AsyncIterator[Archive]:
    """Put one person into every table and every kind of key."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO bots (bot_id, username, token_encrypted) VALUES (42, 'gate', '')")
    for seed in _SEEDS:
        await connection.execute(seed, USER)
    async with (
        open_database(database_url, pool_size=2, statements=load_statements()) as database,
        open_redis(redis_url) as redis,
    ):
        await redis.hset(f"gmbot:member:42:-9:{USER}", "answer", "member")
        await redis.hset("gmbot:member:42:-9:5", "answer", "member")
        await redis.hset("gmbot:case:3", "text", json.dumps({"user": USER}))
        await redis.sadd(f"gmbot:cases:42:{USER}", "3")
        await redis.set("gmbot:warming:42:0", json.dumps({"group": -1, "behind": [1.5, USER]}))
        await redis.set(f"gmbot:budget:{{42}}:pause:{USER}", "1")
        await redis.xadd("gmbot:kept:{strangers}:42", {"key": f"-1:{USER}", "body": json.dumps({"id": USER})})
        await redis.hset("gmbot:kept:{strangers}:42:ids", f"-1:{USER}", "1-1")
        rows, keys = PersonalRows(database=database), PersonalKeys(redis=redis)
        yield Archive(connection, redis, Privacy(rows=rows, keys=keys, clock=SystemClock(), poke=_quiet))
    await connection.close()


async def _quiet() -> None:
    """Tell nobody."""


async def test_a_person_is_erased_from_every_table_and_every_key(archive: Archive) -> None:
    """Afterwards their number stands nowhere; the audit tells what happened, by a pseudonym; others are untouched."""
    before = await archive.dump()
    seeded = {line.partition(":")[0] for line in before.splitlines() if str(USER) in line}
    assert {table for table, _ in await archive.columns()} <= seeded

    await archive.privacy.erase(USER, by=UserId(0), wait=1, progress=lambda _: None)

    assert [line for line in (await archive.dump()).splitlines() if str(USER) in line or "Sam" in line] == []
    rows = await archive.connection.fetch(
        "SELECT actor, action, chat_id, detail::text FROM audit_log ORDER BY audit_id"
    )
    pseudonym = rows[0]["actor"]
    assert pseudonym < -(2**52)
    assert [tuple(row) for row in rows] == [
        (pseudonym, "exempt", pseudonym, f'{{"user": {pseudonym}, "others": [-1, 5]}}'),
        (0, "erase_person", None, f'{{"pseudonym": {pseudonym}}}'),
    ]
    assert await archive.redis.exists("gmbot:member:42:-9:5")
    assert await archive.connection.fetchval("SELECT configured_by FROM protected_groups") == 0


async def test_nothing_is_erased_of_who_is_still_muted(archive: Archive) -> None:
    """Their case is wanted free, and the rest waits until it is closed, unless it is abandoned."""
    await archive.connection.execute(
        "INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted, done)"
        " VALUES (42, -1, $1, 'Sam', 'en', 'mute', 'mute', 'muted')",
        USER,
    )
    heard: list[int] = []

    with pytest.raises(StillHeldError):
        await archive.privacy.erase(USER, by=UserId(0), wait=0, progress=heard.append)

    assert heard == [1]
    assert await archive.connection.fetchval("SELECT wanted FROM restrictions WHERE closed_at IS NULL") == "free"
    assert await archive.connection.fetchval("SELECT count(*) FROM group_members_seen") == 1
    await archive.privacy.erase(USER, by=UserId(0), wait=0, progress=heard.append, abandon=True)
    assert str(USER) not in await archive.dump()


async def test_everything_about_a_person_is_told(archive: Archive) -> None:
    """Each kind of row once; nothing of anybody else."""
    await archive.connection.execute(
        "INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at) VALUES (42, -1, 5, now())"
    )

    found = await archive.privacy.export(USER)

    assert {name: len(rows) for name, rows in found.items()} == dict.fromkeys(found, 1)
    assert len(found) == len(_SEEDS)
    assert json.loads(str(found["dead_letters"][0]["body"]))["message"]["from"]["id"] == USER
    assert not any(rows for rows in (await archive.privacy.export(UserId(999))).values())


async def test_who_asks_in_the_chat_keeps_what_admins_decided(archive: Archive) -> None:
    """Sightings, events and closed cases go; an exemption loses its name, and the trace of admins' work stays."""
    await archive.privacy.forget(BOT, USER)

    for table in (
        "group_members_seen",
        "verification_events",
        "restrictions",
        "channel_requests",
        "set_ups",
        "dead_letters",
    ):
        assert await archive.connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - names from above
    assert await archive.connection.fetchval("SELECT user_name FROM group_exemptions") == str(USER)
    assert not await archive.redis.exists(f"gmbot:member:42:-9:{USER}")


async def test_the_page_names_every_place_of_a_person(archive: Archive) -> None:
    """A column for people that the page on data does not name is found here; so is one that is there no more."""
    page = DATA_PAGE.read_text(encoding="utf-8")
    named = sorted(re.findall(r"^\| `(\w+)\.(\w+)` \|", page, re.MULTILINE))
    inside = {
        ("audit_log", "chat_id"),
        ("audit_log", "detail"),
        ("dead_letters", "body"),
        ("scheduled_actions", "chat_id"),
    }
    expected = {*await archive.columns(), *inside}

    assert named == sorted(expected)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 6",
        "UPDATE audit_log SET action = 'nothing'",
        "UPDATE audit_log SET source = 'cli'",
        "UPDATE audit_log SET at = now() - interval '1 year'",
        "UPDATE audit_log SET detail = '{}'",
        "UPDATE audit_log SET detail = jsonb_set(detail, '{user}', '6')",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ],
)
async def test_the_audit_is_not_edited(archive: Archive, statement: str) -> None:
    """PostgreSQL itself refuses, whoever asks through whatever part of the product."""
    before = await archive.connection.fetch("SELECT * FROM audit_log")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await archive.connection.execute(statement)

    assert await archive.connection.fetch("SELECT * FROM audit_log") == before


def test_a_pseudonym_is_no_telegram_id() -> None:
    """It is far below every chat's number, and a whole number in JavaScript."""
    made = {new_pseudonym() for _ in range(1000)}

    assert len(made) == 1000
    assert all(-(2**53) < each <= -(2**52) for each in made)
