"""How two databases stand that both take changes."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SideState:
    """How one side stands."""

    name: str
    receives: bool
    sends: bool
    behind_bytes: int | None
    """How much of its log the other side has not confirmed; much of that may be of no interest to it."""
    lost: bool
    """It holds no log for the other side any more."""
    conflicts: int
    not_applied: int
    faults: int
    tables: Mapping[str, tuple[int, str]]
    """Of each table how many rows there are, and a checksum."""


def faults_of(one: SideState, other: SideState) -> list[str]:
    """Say what is wrong with two sides."""
    found = [f"{side.name} does not hear the other one" for side in (one, other) if not side.receives]
    found += [
        f"{side.name} holds no log for the other one any more: `gmbot twin sync`" for side in (one, other) if side.lost
    ]
    found += [
        f"{table} differs: {content[0]} rows {one.name}, {other.tables.get(table, (0, ''))[0]} rows {other.name}"
        for table, content in one.tables.items()
        if content != other.tables.get(table)
    ]
    return found
