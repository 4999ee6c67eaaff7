"""What the doctor says when something else than GMBot answers at the webhook's address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.core.checks.delivery import round_trip
from bot.domain.finding import Level
from bot.domain.ids import BotId
from bot.domain.secret import Secret


@asynccontextmanager
async def answering(right: int, wrong: int) -> AsyncIterator[str]:
    """Answer one status to the right secret and another to none."""

    async def answer(request: web.Request) -> web.Response:
        known = request.headers.get("X-Telegram-Bot-Api-Secret-Token") == "right"
        return web.Response(status=right if known else wrong)

    app = web.Application()
    app.router.add_post("/telegram/42", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("right", "wrong", "level", "what"),
    [
        (200, 403, Level.OK, "takes what Telegram sends"),
        (200, 200, Level.FAILURE, "answers 200 without the secret, not 403"),
        (404, 404, Level.FAILURE, "answers 404 without the secret, not 403"),
        (301, 301, Level.FAILURE, "answers 301 without the secret, not 403"),
        (403, 403, Level.FAILURE, "answers 403 to the right secret, not 200"),
        (503, 403, Level.FAILURE, "answers 503 to the right secret, not 200"),
    ],
)
async def test_a_wrong_status_is_told(right: int, wrong: int, level: Level, what: str) -> None:
    """WH-4: what takes everything is no gate, and what refuses the secret is not ours."""
    async with answering(right, wrong) as url:
        (found,) = await round_trip(url, BotId(42), Secret("right"))

    assert found.level is level
    assert what in found.what
