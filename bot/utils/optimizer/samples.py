"""Values that really occur in a database, so that a statement is asked about what it is asked about in earnest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.utils.optimizer.connecting import Connection, catalog
from bot.utils.optimizer.rows import INSTANCE

Values = Mapping[str, object]

_KINDS = ("groups", "open_cases", "closed_cases", "events", "members", "updates", "actions", "dead")
# Parts of this size of a table are read, whatever its size.
_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of each kind."""

    number: int
    now: datetime
    """By the database's clock."""
    group: Values
    open_case: Values
    closed_case: Values
    event: Values
    member: Values
    update: Values
    action: Values
    dead: Values

    @property
    def instance(self) -> object:
        """The instance that works."""
        return INSTANCE


async def take_samples(connection: Connection, count: int) -> Sequence[Sample]:
    """Take `count` samples, or none when a table that matters is empty."""
    rows = await connection.fetch(catalog("table_sizes"))
    sizes = {row["table_name"]: max(row["rows"], 1) for row in rows}
    tables = {
        "groups": "protected_groups",
        "open_cases": "restrictions",
        "closed_cases": "restrictions",
        "events": "verification_events",
        "members": "group_members_seen",
        "updates": "updates_done",
        "actions": "scheduled_actions",
        "dead": "dead_letters",
    }
    found: list[Sequence[Values]] = []
    for kind in _KINDS:
        percent = min(100.0, 100.0 * max(_ROWS, count * 40) / sizes[tables[kind]])
        taken = await connection.fetch(catalog(f"sample_{kind}"), percent, max(count, 20) * 10)
        # Blocks are read, and neighbours are alike: every so many of them make a mixture.
        found.append([dict(row) for row in taken[:: max(1, len(taken) // count)]])
    if not all(found):
        return ()
    now = await connection.fetchval("SELECT now()")
    return [Sample(n, now, *(rows[n % len(rows)] for rows in found)) for n in range(count)]
