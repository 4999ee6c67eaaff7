"""The routes beside the Bot API: the chat page's files and the control API."""

from os import PathLike, stat_result
from pathlib import Path
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from .backend import Backend
from .control import Control
from .people import People

PAGE = Path(__file__).parent / "page"
HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'self'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
)


async def _index(request: Request) -> Response:
    del request
    index = PAGE / "index.html"
    if not index.exists():
        return PlainTextResponse("The chat page is not installed.", 404)
    return FileResponse(index, headers=HEADERS)


class _PageFiles(StaticFiles):
    """The page's files, with the same headers as its index."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the file."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        return response


def build_pages(people: People, backend: Backend) -> Starlette:
    """Return the application for everything that is no Bot API call."""
    control = Control(people=people, backend=backend)
    files = Mount("/page", _PageFiles(directory=PAGE, check_dir=False))
    return Starlette(routes=[Route("/", _index), files, *control.routes()])
