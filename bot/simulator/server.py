"""The HTTP side: Bot API calls on a short path of their own, everything else through Starlette."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .api import BotApi, Reply

ABORT = "simulator.abort"
GRACE_SECONDS = 2.0


class _Protocol(HttpToolsProtocol):
    """Lets the application cut the connection, which ASGI itself cannot say."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, object]", self.scope)["extensions"] = {ABORT: {"abort": self.transport.abort}}


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever owns the process, and stops at once instead of at the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close idle connections, let running requests end within a moment, cancel the rest."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(self.server_state.tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()


class Application:
    """The ASGI application: `/bot...` is the API, the rest is pages and control."""

    def __init__(self, *, api: BotApi, pages: ASGIApp) -> None:
        self._api = api
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith("/bot"):
            await self._serve_api(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    async def _serve_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        body = await _read_body(receive)
        query = scope["query_string"].decode("latin-1")
        reply = await self._api.handle(scope["path"], query, content_type.decode("latin-1"), body)
        if reply.is_dropped:
            await _drop(scope, receive)
        else:
            await _send_reply(send, reply)


async def _read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def _drop(scope: Scope, receive: Receive) -> None:
    abort: Callable[[], None] = scope["extensions"][ABORT]["abort"]
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_reply(send: Send, reply: Reply) -> None:
    headers = [
        (b"connection", b"keep-alive"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(reply.body)).encode()),
    ]
    if reply.retry_after is not None:
        headers.append((b"retry-after", str(reply.retry_after).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


@contextlib.asynccontextmanager
async def listening(
    application: ASGIApp, *, host: str, port: int, before_stop: Callable[[], None]
) -> AsyncIterator[tuple[str, int]]:
    """Serve until the body ends; yields where. `before_stop` ends what would keep connections open."""
    listener = socket.create_server((host, port))
    config = uvicorn.Config(
        application,
        http=_Protocol,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        try:
            address = listener.getsockname()
            yield str(address[0]), int(address[1])
        finally:
            before_stop()
            server.stop.set()
