"""Whose address counts: the connection's, unless a trusted proxy says otherwise."""

import pytest
from starlette.requests import Request

from bot.domain.errors import SettingsError
from bot.web.address import Proxies


def asked_by(client: str, *forwarded: str) -> Request:
    """Make a request from an address, with what proxies wrote."""
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    return Request({"type": "http", "client": (client, 1), "headers": headers})


@pytest.mark.parametrize(
    ("trusted", "client", "forwarded", "address"),
    [
        ((), "9.9.9.9", ("1.2.3.4",), "9.9.9.9"),
        (("10.0.0.0/8",), "9.9.9.9", ("1.2.3.4",), "9.9.9.9"),
        (("10.0.0.0/8",), "10.0.0.1", ("1.2.3.4",), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("6.6.6.6, 1.2.3.4",), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("6.6.6.6, 1.2.3.4, 10.0.0.2",), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("6.6.6.6", "1.2.3.4"), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("nonsense",), "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", (), "10.0.0.1"),
        (("::1",), "::1", ("2001:db8::1",), "2001:db8::1"),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    trusted: tuple[str, ...], client: str, forwarded: tuple[str, ...], address: str
) -> None:
    """And of what it says, only the last address that no trusted proxy added."""
    assert Proxies(trusted=trusted).address(asked_by(client, *forwarded)) == address


def test_a_proxy_that_is_no_address_is_a_wrong_setting() -> None:
    """Found at the start."""
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES"):
        Proxies(trusted=("nginx",))
