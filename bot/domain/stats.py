"""What a gate has done in the last days, as figures for its admins."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a group, by UTC."""

    day: date
    joined: int
    """People seen to come into the group for the first time."""
    passed: int
    """People who got through, at once or after they had joined."""
    stopped: int
    """People who were muted, whose messages went, or who were only observed."""
    freed: int
    by_event: int
    """Of those freed: by the join itself, without a press."""
    unasked: int
    """Messages of members that needed no question to anybody."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Some days in a row, the last one today, and who waits now."""

    days: tuple[Day, ...]
    waiting: int

    def total(self, name: str) -> int:
        """Add up one figure, by the name of its field."""
        return sum(getattr(day, name) for day in self.days)
