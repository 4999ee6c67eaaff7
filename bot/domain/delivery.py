"""Where Telegram takes a bot's updates to, and how that goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

_NO_ADDRESS = "an address that is none"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What Telegram knows of a bot's webhook."""

    address: str
    """Where updates are taken to; empty where they are fetched. A foreign address ends with its host."""
    is_foreign: bool
    waiting: int
    connections: int | None
    """How many updates Telegram brings at the same time."""
    fault: str
    """Why the last delivery that failed did; empty where none has."""
    failed_at: datetime | None


def delivery_of(info: Mapping[str, object], *, own: str) -> Delivery:
    """Read what getWebhookInfo tells; `own` is the address that this deployment sets."""
    url = str(info.get("url") or "")
    waiting, connections, failed_at = (
        value if isinstance(value := info.get(name), int) else None
        for name in ("pending_update_count", "max_connections", "last_error_date")
    )
    return Delivery(
        address=url if url == own else _without_secrets(url),
        is_foreign=url not in {"", own},
        waiting=waiting or 0,
        connections=connections,
        fault=str(info.get("last_error_message") or ""),
        failed_at=None if failed_at is None else datetime.fromtimestamp(failed_at, UTC),
    )


def _without_secrets(url: str) -> str:
    """Leave the host: other software has tokens and passwords in the rest."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _NO_ADDRESS
    return f"{parts.scheme}://{parts.hostname}/..." if parts.hostname else _NO_ADDRESS
