"""Whether the database and its twin hear each other, and hold the same."""

from collections.abc import Sequence

from bot.core.twin.linking import Twins
from bot.domain.finding import Finding, failure, fine, note
from bot.domain.twin import faults_of


async def standing(twins: Twins) -> Sequence[Finding]:
    """Compare both."""
    one, other = await twins.compare()
    found = [
        failure(fault, "gmbot twin check; see docs/operations/two-databases.md") for fault in faults_of(one, other)
    ]
    lost = one.not_applied + other.not_applied
    if lost:
        found.append(note(f"{lost} changes could not be applied on the other side", "gmbot events --audit names them"))
    return found or [fine(f"both databases hold the same; {one.conflicts + other.conflicts} conflicts were settled")]
