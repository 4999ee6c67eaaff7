"""The files that pages load. They are read once: a request names one of them, and never a path."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES: Mapping[str, str] = MappingProxyType(
    {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
)
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    kind: str
    print: str


class Assets:
    """Serves what stands in bot/web/static."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        for file in files("bot.web").joinpath("static").iterdir():
            kind = _TYPES.get(file.name.rpartition(".")[2])
            if kind is not None:
                body = file.read_bytes()
                self._files[file.name] = _File(body, kind, hashlib.sha256(body).hexdigest()[:12])

    def url(self, name: str) -> str:
        """Return where a file is; another content is somewhere else, so browsers keep it for ever."""
        return f"/console/static/{name}?{self._files[name].print}"

    async def serve(self, request: Request) -> Response:
        """Serve a file."""
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        fresh = request.url.query == file.print
        return Response(file.body, media_type=file.kind, headers={"cache-control": _FOR_EVER if fresh else "no-cache"})
