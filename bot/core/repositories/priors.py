"""Restrictions as JSON, the same in PostgreSQL and in Redis; `until` in Unix seconds, null for ever."""

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.domain.permissions import Prior


def prior_to_json(prior: Prior | None) -> dict[str, object] | None:
    """Write a restriction; None for none."""
    if prior is None:
        return None
    until = None if prior.until is None else int(prior.until.timestamp())
    return {"permissions": sorted(prior.permissions), "until": until}


def prior_from_json(value: Mapping[str, object] | None) -> Prior | None:
    """Read a restriction."""
    match value:
        case {"permissions": list(permissions), "until": int(until)}:
            return Prior(frozenset(permissions), datetime.fromtimestamp(until, UTC))
        case {"permissions": list(permissions)}:
            return Prior(frozenset(permissions), None)
        case _:
            return None
