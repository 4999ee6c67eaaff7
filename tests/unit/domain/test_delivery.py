"""What getWebhookInfo tells, read for operators."""

from datetime import UTC, datetime

import pytest

from bot.domain.delivery import Delivery, delivery_of

OURS = "https://gate.example/telegram/42"
LOGIN = "somebody:password"


def test_a_webhook_of_ours_is_read() -> None:
    """The address whole, and the last failure with its time."""
    told = {
        "url": OURS,
        "pending_update_count": 7,
        "max_connections": 40,
        "last_error_message": "Connection refused",
        "last_error_date": 1_700_000_000,
    }
    failed_at = datetime.fromtimestamp(1_700_000_000, UTC)

    assert delivery_of(told, own=OURS) == Delivery(
        address=OURS, is_foreign=False, waiting=7, connections=40, fault="Connection refused", failed_at=failed_at
    )


def test_no_webhook_is_none() -> None:
    """Updates are fetched then, or wait; nothing is foreign about that."""
    assert delivery_of({"url": ""}, own=OURS) == Delivery(
        address="", is_foreign=False, waiting=0, connections=None, fault="", failed_at=None
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://other.example:8443/42:AA-a-token", "https://other.example/..."),
        (f"https://{LOGIN}@other.example/telegram/42", "https://other.example/..."),
        (f"{OURS}?secret=x", "https://gate.example/..."),
        ("https://gate.example/telegram/43", "https://gate.example/..."),
        ("https://[broken", "an address that is none"),
        ("nonsense", "an address that is none"),
    ],
)
def test_of_a_foreign_address_only_the_host_is_told(url: str, shown: str) -> None:
    """Other software has tokens and passwords in the rest."""
    found = delivery_of({"url": url}, own=OURS)

    assert (found.address, found.is_foreign) == (shown, True)
