"""The HTTP API below /api/v1/: what scripts do with a deployment."""

import html
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.services.operating.api_access import ApiAccess
from bot.services.ports.api import Answers
from bot.web.api.bots import Bots
from bot.web.api.endpoint import Endpoint
from bot.web.api.groups import Groups
from bot.web.api.lists import Lists
from bot.web.api.openapi import openapi
from bot.web.api.operations import Operation
from bot.web.api.upkeep import Upkeep
from bot.web.desk import Desk

__all__ = ["api_routes"]


def api_routes(desk: Desk, *, access: ApiAccess, answers: Answers, version: str) -> list[BaseRoute]:
    """Return the routes of the API, without their prefix."""
    operations = [
        *Bots(desk).operations(),
        *Groups(desk).operations(),
        *Lists(desk).operations(),
        *Upkeep(desk).operations(),
    ]
    document, page = msgspec.json.encode(openapi(operations, version=version)), _page(operations)

    async def described(_: Request) -> Response:
        return Response(document, media_type="application/json")

    async def shown(_: Request) -> Response:
        return HTMLResponse(page)

    return [
        Route("/", shown),
        Route("/openapi.json", described),
        *_routes(operations, desk=desk, access=access, answers=answers),
    ]


def _routes(
    operations: list[Operation[Any, Any]], *, desk: Desk, access: ApiAccess, answers: Answers
) -> list[BaseRoute]:
    return [
        Route(each.path, Endpoint(each, desk=desk, access=access, answers=answers).serve, methods=[each.method])
        for each in operations
    ]


def _page(operations: list[Operation[Any, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{each.method}</code></td><td><code>/api/v1{html.escape(each.path)}</code></td>"
        f"<td>{html.escape(each.summary)}</td><td>{each.scope.value}</td></tr>"
        for each in operations
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>GMBot API</title><h1>GMBot API</h1>'
        "<p>Every request takes a token: <code>Authorization: Bearer ...</code>; "
        "<code>gmbot api-tokens create</code> makes one. "
        'The document for machines is <a href="/api/v1/openapi.json">openapi.json</a>.</p>'
        f"<table><tr><th>Method</th><th>Path</th><th>Does</th><th>Scope</th></tr>{rows}</table></html>"
    )
