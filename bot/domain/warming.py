"""How far a round of verifications in advance has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from bot.domain.ids import GroupId, UserId


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a member was last seen in a group. A group's sightings have an order: by time, then by user."""

    seen_at: datetime
    user_id: UserId


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a round stopped: in this group, behind this sighting; at the group's beginning when there is none."""

    group_id: GroupId
    behind: Sighting | None


class WarmupStats(TypedDict):
    """What became of the users; each is counted once. `errors` are those of whom Telegram did not tell."""

    total_users: int
    verified: int
    not_verified: int
    errors: int
    duration_seconds: float
