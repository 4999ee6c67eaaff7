"""The HTTP API below /api/v1/: what scripts do with a deployment."""

from starlette.routing import BaseRoute

from bot.web.desk import Desk


def api_routes(desk: Desk) -> list[BaseRoute]:  # noqa: ARG001 - nothing is served here yet
    """Return the routes of the API, without their prefix."""
    return []
