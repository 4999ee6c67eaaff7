"""What Sentry is told: errors, scrubbed, and nothing without a DSN."""

import asyncio
import gzip
import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp import web

from bot.core.telemetry.logging import configure_logging
from bot.core.telemetry.reports import measured, report, reporting
from bot.domain.errors import SettingsError

TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
USER = 987654321
log = structlog.stdlib.get_logger()


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    """Put logging back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Inbox:
    """A server in Sentry's place."""

    def __init__(self) -> None:
        self.envelopes: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        """Take an envelope."""
        body = await request.read()
        packed = request.headers.get("Content-Encoding") == "gzip"
        self.envelopes.append((gzip.decompress(body) if packed and body[:2] == b"\x1f\x8b" else body).decode())
        return web.json_response({})


async def told(*, sampled: float = 0.0) -> str:
    """Return what is sent when something goes wrong."""
    inbox, application = Inbox(), web.Application()
    application.router.add_post("/api/1/envelope/", inbox.take)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        dsn = f"http://key@127.0.0.1:{runner.addresses[0][1]}/1"
        await asyncio.to_thread(_go_wrong, dsn, sampled)
    finally:
        await runner.cleanup()
    return "\n".join(inbox.envelopes)


def _go_wrong(dsn: str, sampled: float) -> None:
    configure_logging(level="info", form="json", watch=(report,))
    with reporting(dsn, environment="staging", release="9.9", sampled=sampled), measured("update"):
        log.error("update.buried", bot=42, user=USER, reason=f"POST /bot{TOKEN}/getMe")
        try:
            _connect(f"postgresql://gmbot:hunter2@db/gmbot {TOKEN}")
        except ConnectionError:
            log.exception("protection.failed", case=7)


def _connect(url: str) -> None:
    raise ConnectionError(url)


async def test_errors_are_told_without_secrets_or_people() -> None:
    """With environment and release; tokens and passwords are stars, users are left out, variables are not sent."""
    sent = await told()

    assert "update.buried" in sent
    assert "ConnectionError" in sent
    assert '"environment":"staging"' in sent.replace(" ", "")
    assert "gmbot@9.9" in sent
    assert TOKEN not in sent
    assert "hunter2" not in sent
    assert str(USER) not in sent


async def test_times_are_told_of_a_share_of_updates() -> None:
    """Of none by default."""
    assert '"transaction"' in await told(sampled=1.0)
    assert '"type":"transaction"' not in (await told()).replace(" ", "")


def test_nothing_is_told_without_a_dsn() -> None:
    """And errors are logged as ever."""
    with reporting(None, environment="production", release="1", sampled=0.0) as told_anybody:
        log.error("update.buried")

    assert not told_anybody


def test_a_wrong_dsn_is_a_sentence() -> None:
    """That names the setting and does not repeat it."""
    with (
        pytest.raises(SettingsError, match="SENTRY_DSN") as caught,
        reporting("hunter2", environment="x", release="1", sampled=0.0),
    ):
        pass

    assert "hunter2" not in str(caught.value)
