"""What tests of the ingress share: an instance's site to call directly, and a caller that posts as Telegram does."""

import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from bot.app import Mode, running
from bot.cli.running import serving
from bot.core.crypto import Vault
from bot.core.settings import Settings
from bot.domain.ids import BotId
from bot.ingress.site import Site
from bot.ingress.webhook import Event
from tests.kits.platform import ENCRYPTION_KEY, Platform

Headers = Sequence[tuple[bytes, bytes]]

# Telegram gives an update up after a day, but its patience is no reason to try for ever here.
_PATIENCE = 4


@dataclass(slots=True)
class Reply:
    """What the site answered, and how much of the body it asked for."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts_read: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls a site as an HTTP server would, without one."""

    site: Site
    bot: int
    secret: str

    async def post(self, body: bytes | Sequence[bytes], *, path: str | None = None, headers: Headers = ()) -> Reply:
        """Post a body, in one or more parts, with the right secret."""
        secret = (b"x-telegram-bot-api-secret-token", self.secret.encode())
        return await self.call("POST", path or f"/telegram/{self.bot}", body, headers=(secret, *headers))

    async def call(
        self, method: str, path: str, body: bytes | Sequence[bytes] = b"", *, headers: Headers = ()
    ) -> Reply:
        """Make any request."""
        parts = [body] if isinstance(body, bytes) else list(body)
        reply = Reply()

        async def receive() -> Event:
            if reply.parts_read == len(parts):
                return {"type": "http.disconnect"}
            reply.parts_read += 1
            more = reply.parts_read < len(parts)
            return {"type": "http.request", "body": parts[reply.parts_read - 1], "more_body": more}

        async def send(event: Event) -> None:
            if event["type"] == "http.response.start":
                status, answered = event["status"], event["headers"]
                assert isinstance(status, int)
                assert isinstance(answered, list)
                reply.status = status
                reply.headers = {name.decode(): value.decode() for name, value in answered}
            else:
                part = event["body"]
                assert isinstance(part, bytes)
                reply.body += part

        await self.site({"type": "http", "method": method, "path": path, "headers": list(headers)}, receive, send)
        return reply

    async def deliver(self, body: bytes) -> list[int]:
        """Deliver as Telegram does, until it is taken; return every status."""
        statuses: list[int] = []
        while len(statuses) < _PATIENCE and (not statuses or statuses[-1] >= 500):
            statuses.append((await self.post(body)).status)
        return statuses

    async def counts(self) -> dict[str, int]:
        """Return gmbot_updates_total by result."""
        lines = (await self.call("GET", "/metrics")).body.decode().splitlines()
        totals: dict[str, int] = {}
        for line in lines:
            if line.startswith("gmbot_updates_total{"):
                result = line.partition('result="')[2].partition('"')[0]
                totals[result] = totals.get(result, 0) + int(float(line.rpartition(" ")[2]))
        return totals


@dataclass(frozen=True, slots=True)
class Served:
    """One instance, reachable both ways."""

    url: str
    caller: Caller


def secret_of(bot: int) -> str:
    """Return the secret that instances derive for a bot."""
    return Vault(ENCRYPTION_KEY).webhook_secret(BotId(bot)).reveal()


async def serves(url: str, bot: int, secret: str) -> bool:
    """Whether an instance takes updates of a bot with this secret: an empty object is no update, and no stranger's."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/telegram/{bot}", json={}, headers=headers) as answer,
    ):
        return answer.status == HTTPStatus.OK


@asynccontextmanager
async def served(
    platform: Platform, *, polling: bool = False, take_over: bool = False, **changes: str
) -> AsyncIterator[Served]:
    """Run one instance in this process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        port = listener.getsockname()[1]
        settings = Settings.from_env(platform.environment(port, **changes))
        async with running(settings, Mode(polling=polling, take_over=take_over)) as site, serving(site, listener):
            yield Served(f"http://127.0.0.1:{port}", Caller(site, platform.bot.id, secret_of(platform.bot.id)))


def raw(update: Mapping[str, object]) -> bytes:
    """Write an update as it goes over the wire."""
    return json.dumps(update).encode()
