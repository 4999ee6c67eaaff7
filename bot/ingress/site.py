"""Everything served on PORT: the webhook, and the probes beside it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

from bot.domain.errors import BotError
from bot.ingress.webhook import PREFIX, Receive, Scope, Send, Webhook

# A probe that takes longer is answered as failed; an orchestrator's own limit is usually 1 s and more.
_CHECK_SECONDS = 2.0


class Pages(Protocol):
    """What people and their scripts ask for: everything that is neither an update nor a probe."""

    def serves(self, path: str) -> bool:
        """Whether a path is one of these pages."""
        ...

    def drain(self) -> None:
        """End what would otherwise go on for ever."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ...


Check = Callable[[], Awaitable[None]]
"""Returns when the thing works, raises when it does not."""


class Monotonic(Protocol):
    """Measures how long a check takes."""

    def monotonic(self) -> float:
        """Return seconds; only differences mean something."""
        ...


class Site:
    """The ASGI application of one instance."""

    def __init__(
        self,
        *,
        webhook: Webhook,
        vital: Mapping[str, Check],
        useful: Mapping[str, Check],
        metrics: Callable[[], bytes],
        clock: Monotonic,
        pages: Pages,
        instance: str,
    ) -> None:
        self.webhook = webhook
        self.instance = instance
        """Which instance answers: a random number, new with each start."""
        self._pages = pages
        self._vital = vital
        self._useful = useful
        self._metrics = metrics
        self._clock = clock
        self._draining = False
        self._in_flight = 0
        self._idle = asyncio.Event()

    def drain(self) -> None:
        """Say that this instance is about to stop, so that nobody sends it new work."""
        self._draining = True
        self._pages.drain()
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
        if self._pages.serves(path):
            await self._pages(scope, receive, send)
            return
        probes = {"/livez": self._livez, "/readyz": self._readyz, "/health": self._health, "/metrics": self._counters}
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
        checks = await self._run(self._vital)
        ready = not self._draining and all(check["ok"] for check in checks.values())
        await _respond(send, 200 if ready else 503, b"ready\n" if ready else b"not ready\n", b"text/plain")

    async def _health(self, send: Send) -> None:
        """Unhealthy without what is vital; degraded without what is useful: then the gate works, with less help."""
        vital, useful = await asyncio.gather(self._run(self._vital), self._run(self._useful))
        status = "healthy"
        if not all(check["ok"] for check in useful.values()):
            status = "degraded"
        if self._draining or not all(check["ok"] for check in vital.values()):
            status = "unhealthy"
        body = json.dumps({"status": status, "checks": {**vital, **useful}}).encode()
        await _respond(send, 503 if status == "unhealthy" else 200, body, b"application/json")

    async def _counters(self, send: Send) -> None:
        await _respond(send, 200, self._metrics(), b"text/plain; version=0.0.4; charset=utf-8")

    async def _run(self, checks: Mapping[str, Check]) -> dict[str, dict[str, object]]:
        results = await asyncio.gather(*(self._one(check) for check in checks.values()))
        return dict(zip(checks, results, strict=True))

    async def _one(self, check: Check) -> dict[str, object]:
        started = self._clock.monotonic()
        fault: str | None = None
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await check()
        except TimeoutError:
            fault = f"no answer within {_CHECK_SECONDS:g} s"
        except (BotError, OSError) as error:
            fault = str(error) or type(error).__name__
        latency = round((self._clock.monotonic() - started) * 1000, 2)
        return {"ok": fault is None, "latency_ms": latency, **({"fault": fault} if fault else {})}


async def _respond(
    send: Send, status: int, body: bytes, content_type: bytes, more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
