"""The pages of the console, below /console/."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.domain.errors import NotAllowedError
from bot.web.desk import Desk
from bot.web.refusals import Refusal


def console_routes(desk: Desk) -> list[BaseRoute]:  # noqa: ARG001 - nothing is shown here yet
    """Return the routes of the console, without their prefix."""
    return [Route("/", _home)]


async def _home(_: Request) -> Response:
    raise NotAllowedError("log in first")


def refusal_page(_: Request, refusal: Refusal) -> Response:
    """Show a person why a request was refused."""
    return PlainTextResponse(f"{refusal.text}\n", status_code=refusal.status)
