"""A Redis that Sentinel watches: REDIS_URL names the sentinels, and they say which server is the primary."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff

from bot.domain.errors import SettingsError

_SCHEMES = ("redis+sentinel", "rediss+sentinel")
_PORT = 26379
# A sentinel that says nothing must not cost those who wait for Redis much more than their patience.
_TIMEOUT_SECONDS = 0.5
_SHAPE = "REDIS_URL must be like redis+sentinel://:password@host:26379,host:26379/service/0"


@dataclass(frozen=True)
class Service:
    """What a URL with sentinels says. Options are what redis-py takes for a connection; they carry a password."""

    name: str
    sentinels: Sequence[tuple[str, int]]
    options: dict[str, object]
    sentinel_options: dict[str, object]
    tls: bool


class ServicePool(SentinelConnectionPool, BlockingConnectionPool):
    """A pool that waits for a free connection and makes new ones to whichever server is the primary."""


def is_watched(url: str) -> bool:
    """Whether a URL names sentinels."""
    return urlsplit(url).scheme in _SCHEMES


def read_service(url: str) -> Service:
    """Read a URL with sentinels. Raises SettingsError.

    The password is the servers'; one of the sentinels' own goes into the query as `sentinel_password`, and a user name
    as `sentinel_username`.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    login, at, places = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    try:
        sentinels = [_place(place) for place in places.split(",") if place]
    except ValueError as error:
        raise SettingsError(_SHAPE) from error
    if parts.scheme not in _SCHEMES or not name or not sentinels or not (database or "0").isdigit():
        raise SettingsError(_SHAPE)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    own = {key.removeprefix("sentinel_"): query.pop(key) for key in tuple(query) if key.startswith("sentinel_")}
    try:
        options = dict(parse_url(f"{scheme}://{login}{at}_:1/{database or 0}?{urlencode(query)}"))
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from error
    for each in ("host", "port", "connection_class"):
        options.pop(each, None)
    tls = scheme == "rediss"
    certificates = {key: value for key, value in options.items() if key.startswith("ssl_")} if tls else {}
    return Service(unquote(name), sentinels, options, {**certificates, **own}, tls)


def sentinel_of(service: Service) -> Sentinel:
    """Make a client of the sentinels; it connects when first used."""
    return Sentinel(  # type: ignore[no-untyped-call]  # redis-py gives it no types
        service.sentinels,
        sentinel_kwargs={
            **service.sentinel_options,
            "socket_timeout": _TIMEOUT_SECONDS,
            "socket_connect_timeout": _TIMEOUT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "ssl": service.tls,
        },
    )


def service_pool(service: Service, sentinel: Sentinel, **options: object) -> ServicePool:
    """Make a pool of connections to the primary."""
    return ServicePool(  # type: ignore[no-untyped-call]  # redis-py gives it no types
        service.name,
        sentinel,
        connection_class=SentinelManagedSSLConnection if service.tls else SentinelManagedConnection,
        **{**service.options, **options},
    )


def _place(place: str) -> tuple[str, int]:
    parts = urlsplit(f"//{place}")
    if not parts.hostname:
        raise ValueError(place)
    return parts.hostname, parts.port or _PORT
