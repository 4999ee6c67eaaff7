"""Everything served on PORT: the webhook, and the probes beside it."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from bot.ingress.webhook import PREFIX, Receive, Scope, Send, Webhook
from bot.services.outages.health import Health


class Pages(Protocol):
    """What people and their scripts ask for: everything that is neither an update nor a probe."""

    def serves(self, path: str) -> bool:
        """Whether a path is one of these pages."""
        ...

    def drain(self) -> None:
        """End what would otherwise go on for ever."""
        ...

    async def link(self) -> str:
        """Make a link that logs in whoever started this process."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ...


class Site:
    """The ASGI application of one instance."""

    def __init__(
        self,
        *,
        webhook: Webhook,
        health: Health,
        metrics: Callable[[], bytes],
        pages: Pages,
        instance: str,
    ) -> None:
        self.webhook = webhook
        self.instance = instance
        """Which instance answers: a random number, new with each start."""
        self.pages = pages
        self._health = health
        self._metrics = metrics
        self._draining = False
        self._in_flight = 0
        self._idle = asyncio.Event()

    def drain(self) -> None:
        """Say that this instance is about to stop, so that nobody sends it new work."""
        self._draining = True
        self.pages.drain()
        self._note_idle()

    async def idle(self, seconds: float) -> None:
        """Once draining, wait until no update is under way, but no longer than this."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    def _note_idle(self) -> None:
        if self._draining and self._in_flight == 0:
            self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = str(scope["path"])
        if path.startswith(PREFIX):
            await self._update(scope, receive, send)
            return
        if self.pages.serves(path):
            await self.pages(scope, receive, send)
            return
        probes = {"/livez": self._livez, "/readyz": self._readyz, "/health": self._checks, "/metrics": self._counters}
        page = probes.get(path)
        if page is None:
            await _respond(send, 404, b"not found\n", b"text/plain")
        elif scope["method"] not in {"GET", "HEAD"}:
            await _respond(send, 405, b"only GET\n", b"text/plain", ((b"allow", b"GET, HEAD"),))
        else:
            await page(send)

    async def _update(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._in_flight += 1
        try:
            await self.webhook(scope, receive, send)
        finally:
            self._in_flight -= 1
            self._note_idle()

    async def _livez(self, send: Send) -> None:
        await _respond(send, 200, b"alive\n", b"text/plain")

    async def _readyz(self, send: Send) -> None:
        """Ready while updates are answered, without PostgreSQL, too: to take all instances out would stop the gate."""
        ready = not self._draining
        await _respond(send, 200 if ready else 503, b"ready\n" if ready else b"not ready\n", b"text/plain")

    async def _checks(self, send: Send) -> None:
        """Unhealthy without what is vital; degraded without what is useful: then the gate works, with less help."""
        states = await self._health.all()
        status = "healthy" if all(state.ok for state in states) else "degraded"
        if self._draining or not all(state.ok for state in states if state.vital):
            status = "unhealthy"
        body = json.dumps({"status": status, "checks": {state.name: state.told() for state in states}}).encode()
        await _respond(send, 503 if status == "unhealthy" else 200, body, b"application/json")

    async def _counters(self, send: Send) -> None:
        await _respond(send, 200, self._metrics(), b"text/plain; version=0.0.4; charset=utf-8")


async def _respond(
    send: Send, status: int, body: bytes, content_type: bytes, more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
