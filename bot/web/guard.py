"""What stands before every page: bounded bodies, headers that keep browsers strict, and no trace of a fault."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import structlog
from starlette.exceptions import HTTPException

LARGEST_BODY = 64 * 1024

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[Scope, int], App]
"""Makes the page or the JSON that says why a request is refused."""

# No script and no style but the files that come with GMBot: names of groups and people cannot become either.
_POLICY = (
    b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not no-referrer: a browser would send `Origin: null` with every form, and no form could be told from a forged one.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
_TOO_LARGE = 413
_NOT_KEPT = (b"cache-control", b"no-store")

log = structlog.stdlib.get_logger()


class Guard:
    """Wraps an ASGI application."""

    def __init__(self, *, app: App, answer: Answer) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = False

        async def sent(event: Event) -> None:
            nonlocal begun
            if event["type"] == "http.response.start":
                begun = True
                event["headers"] = _hardened(event.get("headers", ()))
            await send(event)

        try:
            await self._app(scope, _bounded(scope, receive), sent)
        except HTTPException as error:
            await self._answer(scope, error.status_code)(scope, receive, sent)
        except Exception:
            log.exception("web.failed", path=scope["path"])
            if not begun:
                await self._answer(scope, 500)(scope, receive, sent)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        raise HTTPException(_TOO_LARGE)
    size = 0

    async def received() -> Event:
        nonlocal size
        event = await receive()
        size += len(event.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(_TOO_LARGE)
        return event

    return received


def _hardened(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    given = {name.lower() for name, _ in headers}
    return [*headers, *(header for header in (*_HEADERS, _NOT_KEPT) if header[0] not in given)]
