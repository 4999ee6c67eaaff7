"""The ASGI application for everything below /console/ and /api/, beside the raw webhook route."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

from bot.domain.errors import BotError
from bot.web.api.problems import problem
from bot.web.guard import App, Guard, Receive, Scope, Send
from bot.web.refusals import Refusal, refusal_of

PREFIXES = ("/console", "/api")

Page = Callable[[Request, Refusal], Response]
"""Shows a person why a request was refused."""


Link = Callable[[], Awaitable[str]]
"""Makes a link that logs somebody in."""


class Web:
    """Serves people and their scripts. Streams end when `drain` says that the instance is about to stop."""

    def __init__(self, *, app: App, ending: asyncio.Event, link: Link) -> None:
        self._app = app
        self._link = link
        self._ending = ending

    def serves(self, path: str) -> bool:
        """Whether a path is one of these pages."""
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in PREFIXES)

    async def link(self) -> str:
        """Make a link into the console, for whoever started this process. Raises NotReadyError without Redis."""
        return await self._link()

    def drain(self) -> None:
        """End what would otherwise go on for ever."""
        self._ending.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)


def build_web(*, console: list[BaseRoute], api: list[BaseRoute], page: Page, ending: asyncio.Event, link: Link) -> Web:
    """Put the console and the API together."""
    refuse = partial(_refuse, page)
    handlers = {BotError: refuse, HTTPException: refuse, Exception: refuse}
    app = Starlette(
        routes=[Mount("/console", routes=console), Mount("/api/v1", routes=api)],
        exception_handlers=handlers,
    )
    return Web(app=Guard(app=app, answer=partial(_answer, page)), ending=ending, link=link)


async def _refuse(page: Page, request: Request, error: Exception) -> Response:
    return _response(page, request, refusal_of(error))


def _answer(page: Page, scope: Scope, status: int) -> App:
    fault = HTTPException(status) if status != 500 else Exception()  # noqa: PLR2004 - whatever nobody expected
    return _response(page, Request(scope), refusal_of(fault))


def _response(page: Page, request: Request, refusal: Refusal) -> Response:
    if request.url.path.startswith("/api"):
        return problem(refusal)
    response = page(request, refusal)
    if refusal.retry_after is not None:
        response.headers["retry-after"] = str(refusal.retry_after)
    if refusal.status == 413:  # noqa: PLR2004 - the rest of the body is not worth reading
        response.headers["connection"] = "close"
    return response
