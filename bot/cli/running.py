"""Serving an instance: one HTTP server, and a stop that finishes what is in flight."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator

import typer
import uvicorn
import uvloop

from bot.core.settings import Settings
from bot.domain.errors import BotError, SettingsError
from bot.ingress.fastpath import fast_protocol
from bot.ingress.site import Site

# Telegram waits 60 s for an answer and delivers again what it did not get; a handler has 25 s.
_DRAIN_SECONDS = 27


class _Server(uvicorn.Server):
    """Leaves signals to the process, which has more to close than a server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(site: Site, listener: socket.socket) -> AsyncIterator[None]:
    """Serve until the block ends, then let requests in flight finish."""
    config = uvicorn.Config(
        site,
        http=fast_protocol(site.webhook),
        lifespan="off",
        access_log=False,
        server_header=False,
        headers=[("x-gmbot-instance", site.instance)],
        date_header=False,
        # Whoever looks at a client's address asks TRUSTED_PROXIES; Telegram's updates need none.
        proxy_headers=False,
        log_config=None,
        # Telegram and nginx close idle connections after 60 s; closing first would race with their next request.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            # Still listening, so that whoever probes this instance hears that it is not ready any more.
            site.drain()
            await site.idle(_DRAIN_SECONDS)
            server.should_exit = True


def listen(settings: Settings) -> socket.socket:
    """Bind HOST and PORT. Raises SettingsError when somebody else has it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        reason = error.strerror or "cannot be bound"
        raise SettingsError(f"HOST {settings.host}, PORT {settings.port}: {reason}; choose another PORT") from error
    listener.listen(1024)
    return listener


async def until_stopped() -> None:
    """Wait for SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def run(command: str, work: Coroutine[object, object, None]) -> None:
    """Run a command to its end; what keeps it from starting is one sentence and exit status 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except (BotError, OSError, BaseExceptionGroup) as error:
        reason = _reason(error)
        if reason is None:
            raise
        typer.echo(f"gmbot {command}: {reason}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _reason(error: BaseException) -> str | None:
    """Find the sentence in what a group of tasks wrapped; None for a fault of ours, which deserves its traceback."""
    if isinstance(error, BaseExceptionGroup):
        return next((reason for each in error.exceptions if (reason := _reason(each))), None)
    if isinstance(error, OSError) and error.errno in {
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,
        errno.EACCES,
        socket.EAI_NONAME,
    }:
        return f"{error.strerror}; choose another one with --port or --host"
    return str(error) if isinstance(error, BotError) else None
