"""The floor: an application that does nothing, on the server and with the settings that GMBot uses.

`python tests/benchmarks/noop_asgi.py PORT`
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping

import uvicorn
import uvloop

Event = MutableMapping[str, object]


async def noop(scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    """Read the body and answer 200."""
    del scope
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    """Serve until killed."""
    config = uvicorn.Config(
        noop,
        port=int(sys.argv[1]),
        http="httptools",
        lifespan="off",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        log_config=None,
        timeout_keep_alive=75,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
