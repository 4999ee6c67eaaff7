"""Where a request comes from. What a proxy says of it counts only from a proxy that the operator trusts."""

import ipaddress
from collections.abc import Sequence

from starlette.requests import HTTPConnection

from bot.domain.errors import SettingsError


class Proxies:
    """The proxies of TRUSTED_PROXIES: addresses and networks. Raises SettingsError for what is neither."""

    def __init__(self, *, trusted: Sequence[str]) -> None:
        try:
            self._trusted = tuple(ipaddress.ip_network(each, strict=False) for each in trusted)
        except ValueError as error:
            raise SettingsError(f"TRUSTED_PROXIES: {error}") from error

    def address(self, request: HTTPConnection) -> str:
        """Return the client's address: behind trusted proxies, the last one that they did not add themselves."""
        client = "" if request.client is None else request.client.host
        if not self._trusts(client):
            return client
        for hop in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
            if not self._trusts(hop.strip()):
                return _plain(hop.strip()) or client
        return client

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _plain(address: str) -> str:
    """Return an address that is one, and nothing else that somebody put into a header."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""
