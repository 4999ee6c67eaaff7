"""A Bot API server that says the same to every call, as fast as it can.

`python -m bot.utils.benchmarks.answering PORT`
"""

import asyncio
import sys
from typing import cast

import httptools
import uvloop

_ME = b'{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"Bot","username":"a_bot"}}'
_MEMBER = (
    b'{"ok":true,"result":{"status":"member","user":{"id":5000000001,"is_bot":false,"first_name":"Maria",'
    b'"last_name":"Schmidt","username":"maria_s","language_code":"de"}}}'
)


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.WriteTransport | None = None
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where answers go."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Note what is called."""
        self._url = url

    def on_message_complete(self) -> None:
        """Answer."""
        body = _ME if self._url.lower().endswith(b"/getme") else _MEMBER
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        if self._transport is not None:
            self._transport.write(head + body)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
