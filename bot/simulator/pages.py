"""The routes beside the Bot API: the chat page's files and the control API."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .backend import Backend
from .people import People

PAGE = Path(__file__).parent / "page"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


async def _index(request: Request) -> Response:
    del request
    index = PAGE / "index.html"
    if not index.exists():
        return PlainTextResponse("The chat page is not installed.", 404)
    return FileResponse(index, headers=HEADERS)


def build_pages(people: People, backend: Backend) -> Starlette:
    """Return the application for everything that is no Bot API call."""
    del people, backend
    routes = [
        Route("/", _index),
        Mount("/page", StaticFiles(directory=PAGE, check_dir=False)),
    ]
    return Starlette(routes=routes)
