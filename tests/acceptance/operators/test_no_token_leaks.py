"""After a run full of trouble no token is anywhere it could be read: logs, metrics, health, database, process list."""

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
from tests.kits.platform import Instance, Lounge, Platform, eventually, free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@asynccontextmanager
async def logged(platform: Platform, log: Path) -> AsyncIterator[tuple[str, int]]:
    """Run an instance as a process that writes everything it has to say into a file; yields its URL and pid."""
    port = free_port()
    environment = {**os.environ, **platform.environment(port, LOG_LEVEL="debug")}
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", env=environment, stdout=file, stderr=file
        )
        try:
            await Instance(port).until_ready()
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            await process.wait()


async def whole_database(url: str) -> str:
    """Return every row of every table as text; bytes as hexadecimal digits."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows: list[str] = []
        for table in tables:
            name = table["tablename"]
            rows += [row[0] for row in await connection.fetch(f'SELECT t::text FROM "{name}" t')]  # noqa: S608 - its own
        return "\n".join(rows)
    finally:
        await connection.close()


async def fetched(url: str) -> str:
    """Return what an address answers."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


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
    await eventually(lambda: not lounge.muted(lounge.stranger), "the stranger is free", within=30)
    lounge.sim.revoke_token(lounge.bot)
    lounge.sim.leave(lounge.stranger, lounge.news)

    async def refused() -> bool:
        rows = await platform.fetch("SELECT 1 FROM bots WHERE bot_id = $1 AND refused_at IS NOT NULL", lounge.bot.id)
        return bool(rows)

    await eventually(refused, "the token is refused", within=20)


async def test_no_token_is_found_anywhere(lounge: Lounge, platform: Platform, tmp_path: Path) -> None:
    """Not the one from the environment, nor that of a bot that was added, nor one that was revoked."""
    other = lounge.sim.add_bot(username="other_bot")
    tokens = [lounge.bot.token, other.token]
    log = tmp_path / "log"
    async with logged(platform, log) as (url, pid):
        await platform.webhook_is_set()
        async with administration(Settings.from_env(platform.environment(0))) as admin:
            await admin.hosting.add(Secret(other.token), name=None, by=UserId(1))
        await in_trouble(lounge, platform)
        told = {
            "metrics": await fetched(f"{url}/metrics"),
            "health": await fetched(f"{url}/health"),
            "process list": await asyncio.to_thread(Path(f"/proc/{pid}/cmdline").read_text),
            "database": await whole_database(platform.database_url),
        }
    told["log"] = log.read_text(encoding="utf-8")

    assert "bot.token_refused" in told["log"]
    for place, text in told.items():
        for token in [*tokens, lounge.bot.token]:
            assert token not in text, place
            assert token.partition(":")[2] not in text, place
            assert token.encode().hex() not in text, place
