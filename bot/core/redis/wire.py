"""Connections to Redis that tell their end in redis-py's own words.

uvloop answers who writes to a connection that was reset with a RuntimeError, which nobody takes for an outage.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError


class _Wire(AbstractConnection):
    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's own
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            raise RedisConnectionError(f"the connection was reset: {error}") from error


class _Plain(_Wire, Connection):
    pass


class _Secure(_Wire, SSLConnection):
    pass


class _Local(_Wire, UnixDomainSocketConnection):
    pass


class _Watched(_Wire, SentinelManagedConnection):
    pass


class _WatchedSecure(_Wire, SentinelManagedSSLConnection):
    pass


WIRES: Mapping[type[AbstractConnection], type[AbstractConnection]] = MappingProxyType(
    {
        Connection: _Plain,
        SSLConnection: _Secure,
        UnixDomainSocketConnection: _Local,
        SentinelManagedConnection: _Watched,
        SentinelManagedSSLConnection: _WatchedSecure,
    }
)
"""What takes the place of each of redis-py's connections."""
