"""The search for tokens in all that the tests see finds them in every place."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.kits.leaks import assert_none_stored

pytest_plugins = ["pytester"]

# Put together at the last moment: a whole one among a child's arguments would be found in the process list.
HALF = "SIM" + "a1" * 16
TOKEN = f"1234567890:{HALF}"

LEAKY = """
import asyncio, logging, subprocess, sys

HALF = "SIM" + "a1" * 16
SAY = 'print("1234567890:" + "SIM" + "a1" * 16)'

def test_printed(): print(f"https://telegram/bot1234567890:{HALF}/getMe")
def test_logged(): logging.getLogger("bot").warning("the secret half is %s", HALF)
def test_inherited(): subprocess.run([sys.executable, "-c", SAY])
def test_piped(): subprocess.run([sys.executable, "-c", SAY], capture_output=True)
def test_piped_to_a_loop():
    async def ask():
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", SAY, stdout=subprocess.PIPE)
        await process.communicate()
    asyncio.run(ask())
def test_silent(): print("1234567890:*** is blotted out")
"""


def test_a_test_that_shows_a_token_fails(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """By printing, logging, a child's output, or a pipe that a test reads; the place is named, the token is not."""
    pytester.makepyfile(LEAKY)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    outcomes = pytester.runpytest_subprocess("-p", "tests.kits.leaks", "--show-capture=no")

    outcomes.assert_outcomes(passed=1, failed=5)
    shown = outcomes.stdout.str()
    for place in ("Captured stdout call", "Captured log call", "what a process printed"):
        assert f"{place}: " in shown
    assert HALF not in shown


async def a_row(database_url: str, _: str) -> None:
    """Write it into a text."""
    await _write(database_url, "INSERT INTO kept (said) VALUES ($1)", f"https://telegram/bot{TOKEN}/getMe")


async def bytes_of_it(database_url: str, _: str) -> None:
    """Write its secret half into bytes."""
    await _write(database_url, "INSERT INTO kept (sealed) VALUES ($1)", HALF.encode())


async def a_key(_: str, redis_url: str) -> None:
    """Write it into Redis."""
    async with Redis.from_url(redis_url) as redis:
        await redis.hset("answers", "last", TOKEN)


async def _write(database_url: str, statement: str, value: object) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE kept (said text, sealed bytea)")
    await connection.execute(statement, value)
    await connection.close()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("leak", "place"), [(a_row, "public.kept"), (bytes_of_it, "public.kept"), (a_key, "Redis, b'answers'")]
)
async def test_a_token_that_is_stored_is_found(
    database_url: str, redis_url: str, leak: Callable[[str, str], Awaitable[None]], place: str
) -> None:
    """In a text, as bytes, and in Redis; none is found before."""
    await assert_none_stored(database_url, redis_url)
    await leak(database_url, redis_url)

    with pytest.raises((asyncpg.RaiseError, pytest.fail.Exception), match=f"a token stands in {place}"):
        await assert_none_stored(database_url, redis_url)
