"""Connections to PostgreSQL's primary, whichever of the named hosts it is. Nothing here waits for a dead host."""

import asyncio
import os
import socket
from collections.abc import Collection, Sequence
from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakSet

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from bot.domain.errors import StoreUnavailableError

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_Outcome: TypeAlias = "asyncpg.Connection[asyncpg.Record] | Exception"
_Host: TypeAlias = "tuple[str, int] | None"

_DEFAULT_PORT = 5432
# A host that vanished, and sent no RST, is found out this long after its last word; a statement may take longer.
_VANISHED_SECONDS = 4
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", _VANISHED_SECONDS // 2),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", _VANISHED_SECONDS // 2),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", _VANISHED_SECONDS * 1000),
)


class _Watched(asyncpg.Connection):
    """A connection that breaks when its host has vanished, instead of waiting for the kernel's quarter of an hour."""

    def __init__(
        self,
        protocol: object,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        addr: object,
        *others: object,
    ) -> None:
        super().__init__(protocol, transport, loop, addr, *others)  # type: ignore[arg-type]  # passed on as they come
        if isinstance(addr, tuple):
            raw: socket.socket = transport.get_extra_info("socket")
            for level, name, value in _SOCKET_OPTIONS:
                # macOS lacks some of them.
                if (option := getattr(socket, name, None)) is not None:
                    raw.setsockopt(level, option, value)


def hosts_of(url: str) -> Sequence[tuple[str, int]]:
    """Return the hosts that a URL names in its usual place; none when it names them in another way."""
    places = urlsplit(url).netloc.rpartition("@")[2]
    return [_host(place) for place in places.split(",") if place]


def unreachable(url: str, error: Exception) -> StoreUnavailableError:
    """Say which server did not let us in, and why, without the password."""
    places = ", ".join(f"{host}:{port}" for host, port in hosts_of(url)) or "its socket"
    if isinstance(error, asyncpg.PostgresError):
        return StoreUnavailableError(f"PostgreSQL at {places} refuses: {error}; correct DATABASE_URL")
    # A time-out has no words of its own. Whatever listens there may be no PostgreSQL: many servers wait for more.
    reason = str(error) or "silent for seconds, as a dead host or a server of another kind is"
    if isinstance(error, OSError) and error.errno:
        # Of a name that is not found the number is below zero; event loops word the others in their own ways.
        reason = os.strerror(error.errno) if error.errno > 0 else error.strerror or reason
    return StoreUnavailableError(f"PostgreSQL at {places} does not answer: {reason}; start it, or correct DATABASE_URL")


def several(url: str) -> bool:
    """Whether a URL names more than one host."""
    return len(hosts_of(url)) > 1


def single_host(url: str, host: tuple[str, int]) -> str:
    """Return the URL of one of the hosts, whatever it is."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    name = f"[{host[0]}]" if ":" in host[0] else host[0]
    query = "&".join(each for each in parts.query.split("&") if each and not each.startswith("target_session_attrs="))
    return parts._replace(netloc=f"{login}{at}{name}:{host[1]}", query=query).geturl()


def names_a_target(url: str) -> bool:
    """Whether a URL says what kind of server it wants."""
    return "target_session_attrs" in parse_qs(urlsplit(url).query)


async def connect(
    url: str,
    *,
    seconds: float,
    settings: dict[str, str] | None = None,
    command_timeout: float | None = None,
    target: SessionAttribute | None = None,
) -> Connection:
    """Connect to the first host that answers and is what the URL wants: of several, by default, the one that writes.

    Raises what asyncpg raises for a single host, OSError when none of several is what is wanted.
    """
    hosts: Sequence[_Host] = hosts_of(url) or [None]
    if len(hosts) > 1 and target is None and not names_a_target(url):
        target = SessionAttribute.read_write

    async def attempt(host: _Host) -> _Outcome:
        name, port = (None, None) if host is None else host
        try:
            return await asyncpg.connect(
                url,
                host=name,
                port=port,
                timeout=seconds,
                server_settings=settings,
                command_timeout=command_timeout,
                target_session_attrs=target,
                connection_class=_Watched,
            )
        except _FAILURES as error:
            return error

    attempts: list[asyncio.Task[_Outcome]] = []
    chosen: Connection | None = None
    try:
        # All at once: to try them in turn would wait for each that has vanished.
        async with asyncio.TaskGroup() as group:
            attempts = [group.create_task(attempt(host)) for host in hosts]
            chosen = await _first(attempts)
            for each in attempts:
                each.cancel()
    finally:
        for outcome in _outcomes(attempts):
            if isinstance(outcome, asyncpg.Connection) and outcome is not chosen:
                outcome.terminate()
    if chosen is None:
        raise _summary(hosts, [each for each in _outcomes(attempts) if isinstance(each, Exception)])
    return chosen


async def _first(attempts: Collection[asyncio.Task[_Outcome]]) -> "Connection | None":
    for attempt in asyncio.as_completed(attempts):
        outcome = await attempt
        if isinstance(outcome, asyncpg.Connection):
            return outcome
    return None


def _outcomes(attempts: Collection[asyncio.Task[_Outcome]]) -> list[_Outcome]:
    return [each.result() for each in attempts if each.done() and not each.cancelled()]


def _summary(hosts: Sequence[_Host], errors: Sequence[Exception]) -> Exception:
    """Return the failure that tells most."""
    for error in errors:
        if len(errors) == 1 or isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
            return error
    places = [f"{host[0]}:{host[1]}" for host in hosts if host is not None]
    return ConnectionError(
        "; ".join(f"{place}: {_reason(error)}" for place, error in zip(places, errors, strict=False))
    )


def _reason(error: Exception) -> str:
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "not the primary"
    return str(error) or type(error).__name__


class Connector:
    """Makes a pool's connections, and gives up all of them at once when the server at their other end is not it."""

    def __init__(self, url: str, *, seconds: float, command_timeout: float) -> None:
        self._url = url
        self._seconds = seconds
        self._command_timeout = command_timeout
        self._made: WeakSet[Connection] = WeakSet()

    async def __call__(self, *_: object, **__: object) -> Connection:
        """Connect, as a pool asks for it."""
        connection = await connect(
            self._url,
            seconds=self._seconds,
            settings={"application_name": "gmbot"},
            command_timeout=self._command_timeout,
        )
        self._made.add(connection)
        return connection

    def give_up(self) -> None:
        """Break every connection there is: whoever waits for an answer hears so now, and the next ones are new."""
        for connection in tuple(self._made):
            self._made.discard(connection)
            if not connection.is_closed():
                connection.terminate()


def _host(place: str) -> tuple[str, int]:
    name, colon, port = place.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = place, str(_DEFAULT_PORT)
    return unquote(name).strip("[]"), int(port)
