"""After a run full of trouble no token is anywhere it could be read.

Logs, metrics, health, errors, database, Redis, process list.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from bot.app import administration
from bot.core.settings import Settings
from bot.domain.ids import UserId
from bot.domain.secret import Secret
from bot.simulator import Fault
from tests.acceptance.kit import gated
from tests.integration.cli.test_bots import Shell
from tests.kits.leaks import process_list, whole_redis
from tests.kits.platform import Instance, Lounge, Platform, eventually
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@asynccontextmanager
async def logged(platform: Platform, log: Path) -> AsyncIterator[str]:
    """Run an instance as a process that writes everything it has to say into a file; yields its URL."""
    port = free_port()
    environment = {**os.environ, **platform.environment(port, LOG_LEVEL="debug")}
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", env=environment, stdout=file, stderr=file
        )
        try:
            await Instance(port).until_ready()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()


async def whole_database(url: str) -> str:
    """Return every row of every table as text; bytes as hexadecimal digits."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        rows: list[str] = []
        for (name,) in tables:
            rows += [row[0] for row in await connection.fetch(f"SELECT t::text FROM {name} t")]  # noqa: S608 - its own
        # What the server was asked lately; statements with a token in their text would stand here.
        rows += [row[0] or "" for row in await connection.fetch("SELECT query FROM pg_stat_activity")]
        return "\n".join(rows)
    finally:
        await connection.close()


async def fetched(url: str, **headers: str) -> str:
    """Return what an address answers."""
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        return f"{answer.headers} {await answer.text()}"


async def errors_about(token: str, url: str, platform: Platform) -> str:
    """Use a token wherever it does not belong, or is refused; return what is said of it."""
    shell = Shell(platform)
    outcomes = await asyncio.gather(
        shell("bots", "add", typed=f"{token}\n"),
        shell("bots", "add", typed=f"{token} {token}\n"),
        shell("serve", PORT=token, WEBHOOK_SECRET=token, CACHE_L1_SIZE=token, LOG_LEVEL=token),
    )
    answers = [
        await fetched(f"{url}/api/v1/bots", Authorization=f"Bearer {token}"),
        await fetched(f"{url}/console/", Cookie=f"gmbot_console={token}"),
        await fetched(f"{url}/console/login"),
    ]
    assert all(outcome.status for outcome in outcomes)
    return "\n".join([*answers, *(outcome.out + outcome.err for outcome in outcomes)])


async def in_trouble(lounge: Lounge, platform: Platform) -> None:
    """Gate somebody, let Telegram fail in every way, revoke a token."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    for fault in (
        Fault(kind="error", times=3, code=500, description="Internal Server Error"),
        Fault(kind="drop", times=3),
        Fault(kind="flood", times=2, retry_after=1),
    ):
        lounge.sim.faults.add(fault)
        lounge.sim.say(lounge.owner, lounge.group, "/status")
    lounge.sim.join(lounge.stranger, lounge.news)
    await eventually(lambda: not lounge.muted(lounge.stranger), "the stranger is free", within=60)
    lounge.sim.revoke_token(lounge.bot)
    lounge.sim.leave(lounge.stranger, lounge.news)

    async def refused() -> bool:
        rows = await platform.fetch("SELECT 1 FROM bots WHERE bot_id = $1 AND refused_at IS NOT NULL", lounge.bot.id)
        return bool(rows)

    await eventually(refused, "the token is refused", within=60)


@pytest.mark.timeout(240)
async def test_no_token_is_found_anywhere(lounge: Lounge, platform: Platform, tmp_path: Path) -> None:
    """Not the one from the environment, nor that of a bot that was added, nor one that was revoked."""
    other = lounge.sim.add_bot(username="other_bot")
    tokens = [lounge.bot.token, other.token]
    log = tmp_path / "log"
    async with logged(platform, log) as url:
        await platform.webhook_is_set()
        async with administration(Settings.from_env(platform.environment(0))) as admin:
            await admin.hosting.add(Secret(other.token), name=None, by=UserId(1))
        await in_trouble(lounge, platform)
        told = {
            "metrics": await fetched(f"{url}/metrics"),
            "health": await fetched(f"{url}/health"),
            "errors": await errors_about(tokens[0], url, platform),
            "process list": await asyncio.to_thread(process_list),
            "database": await whole_database(platform.database_url),
            "Redis": repr([entry async for entry in whole_redis(platform.redis_url)]),
        }
    told["log"] = log.read_text(encoding="utf-8")

    assert "bot.token_refused" in told["log"]
    for place, text in told.items():
        for token in [*tokens, lounge.bot.token]:
            assert token not in text, place
            assert token.partition(":")[2] not in text, place
            assert token.encode().hex() not in text, place
