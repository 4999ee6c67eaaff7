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
from .world import World

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


def _picture(world: World, place: str, number: int) -> bytes | None:
    """Find an uploaded picture; the id of a private chat stands behind its bot's."""
    bot, _, chat_id = place.rpartition(".")
    try:
        chat = world.private.get((int(bot), int(chat_id))) if bot else world.chats.get(int(chat_id))
    except ValueError:
        return None
    message = None if chat is None else chat.messages.get(number)
    return None if message is None else message.picture


def build_pages(people: People, backend: Backend) -> Starlette:
    """Return the application for everything that is no Bot API call."""
    control = Control(people=people, backend=backend)

    async def picture(request: Request) -> Response:
        """Serve what a bot uploaded into a chat."""
        found = _picture(backend.world, request.path_params["chat"], request.path_params["message"])
        if found is None:
            return PlainTextResponse("There is no such picture.", 404)
        return Response(
            found, headers=HEADERS, media_type="image/png" if found.startswith(b"\x89PNG") else "image/jpeg"
        )

    files = Mount("/page", _PageFiles(directory=PAGE, check_dir=False))
    pictures = Route("/pictures/{chat}/{message:int}", picture)
    return Starlette(routes=[Route("/", _index), pictures, files, *control.routes()])
