"""No bot's token where it could be read: what every test prints, logs and pipes is searched, and whoever leaks fails.

The simulator's tokens carry a mark of their own, so the secret half is found as well, and so is any token in Telegram's
form. Kits hand over what they see besides: answers, metrics, databases, Redis.
"""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import asyncpg
import pytest
from redis.asyncio import Redis

P = ParamSpec("P")
Said = TypeVar("Said", bound=tuple[str | bytes | None, str | bytes | None])

Reporting = Generator[None, pytest.TestReport, pytest.TestReport]

TOKEN = re.compile(r"(?<!\d)\d{5,16}:[A-Za-z0-9_-]{30,}|SIM[A-Za-z0-9]{32}")
# The simulator's again, for PostgreSQL: in a text, or as PostgreSQL spells bytes.
STORED = r"SIM[A-Za-z0-9]{32}|53494d(3\d|[46][1-9a-f]|[57][0-9a]){32}"

# One round trip: the rows of every table as text, and what the server was asked last. Not all of the hundred thousands
# that a test of speed fills in.
SEARCH = f"""
DO $search$
DECLARE
    place text;
    found bool;
BEGIN
    FOR place IN
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
        UNION ALL SELECT 'pg_stat_activity'
    LOOP
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM (SELECT * FROM %s LIMIT 1000) row WHERE row::text ~ %L)', place, '{STORED}'
        ) INTO found;
        IF found THEN
            RAISE EXCEPTION 'a token stands in %', place;
        END IF;
    END LOOP;
END
$search$
"""  # noqa: S608 - a constant


def assert_no_token(place: str, text: str | bytes | None) -> None:
    """Fail with the line, its token blotted out, when there is one."""
    __tracebackhide__ = True
    said = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
    for line in said.splitlines() if TOKEN.search(said) else ():
        if TOKEN.search(line):
            pytest.fail(f"a token stands in {place}: {TOKEN.sub('<TOKEN>', line)}")


def process_list() -> str:
    """Return what everybody on the machine sees of every process."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(process.read_text(encoding="utf-8", errors="replace").replace("\0", " "))
    return "\n".join(lines)


async def assert_none_stored(database_url: str, redis_url: str) -> None:
    """Look into every table and every key."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(SEARCH)
    finally:
        await connection.close()
    async for name, kept in whole_redis(redis_url):
        assert_no_token(f"Redis, {name}", kept)


async def whole_redis(url: str) -> AsyncIterator[tuple[str, str]]:
    """Return every key with what it holds. Not by DUMP, which compresses and so breaks texts up."""
    async with Redis.from_url(url) as redis:
        read: dict[bytes | str, Callable[[bytes], Awaitable[object]]] = {
            b"string": redis.get,
            b"hash": redis.hgetall,
            b"list": lambda name: redis.lrange(name, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda name: redis.zrange(name, 0, -1),
            b"stream": redis.xrange,
        }
        async for name in redis.scan_iter():
            kind = await redis.type(name)
            # It may have run out meanwhile.
            if kind != b"none":
                yield repr(name), repr(await read[kind](name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Reporting:
    """Fail a test whose captured output or log shows a token; processes that inherit the output are in it."""
    report = yield
    # What the phases before have said stands in their reports.
    for place, text in report.sections:
        try:
            assert_no_token(f"{item.nodeid}, {place}", text if place.endswith(call.when) else "")
        except pytest.fail.Exception as error:
            report.outcome, report.longrepr = "failed", str(error)
    return report


@pytest.fixture(autouse=True, scope="session")
def _search_pipes() -> Iterator[None]:
    """Search what processes say to a test alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.subprocess.Process, "communicate", _searching(asyncio.subprocess.Process.communicate))
        patch.setattr(subprocess.Popen, "communicate", _searched(subprocess.Popen.communicate))
        yield


def _searched(ask: Callable[P, Said]) -> Callable[P, Said]:
    def communicate(*given: P.args, **named: P.kwargs) -> Said:
        return _clean(ask(*given, **named))

    return communicate


def _searching(ask: Callable[P, Awaitable[Said]]) -> Callable[P, Awaitable[Said]]:
    async def communicate(*given: P.args, **named: P.kwargs) -> Said:
        return _clean(await ask(*given, **named))

    return communicate


def _clean(said: Said) -> Said:
    __tracebackhide__ = True
    for text in said:
        assert_no_token("what a process printed", text)
    return said
