"""Whether a user is in the required channels. Three answers, never two."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bot.domain.ids import ChannelId, UpdateId


class Membership(Enum):
    """What is known about one user in one channel."""

    MEMBER = "member"
    ABSENT = "absent"
    UNKNOWN = "unknown"


Standing = Mapping[ChannelId, Membership]


@dataclass(frozen=True, slots=True)
class Allow:
    """The user is in every required channel."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The user is proven absent from these channels, in the order the group lists them."""

    channels: tuple[ChannelId, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """No absence is proven, but these channels could not be asked."""

    channels: tuple[ChannelId, ...]


Verdict = Allow | Missing | Doubt


def judge(standing: Standing) -> Verdict:
    """Find against a user only on a proven absence; an outage is not one."""
    missing = tuple(channel for channel, answer in standing.items() if answer is Membership.ABSENT)
    if missing:
        return Missing(missing)
    unknown = tuple(channel for channel, answer in standing.items() if answer is Membership.UNKNOWN)
    return Doubt(unknown) if unknown else Allow()


def membership_of(status: str, *, is_member: bool) -> Membership:
    """Read a ChatMember status. `is_member` matters for `restricted` only: such a user may have left."""
    match status:
        case "creator" | "administrator" | "member":
            return Membership.MEMBER
        case "restricted":
            return Membership.MEMBER if is_member else Membership.ABSENT
        case "left" | "kicked":
            return Membership.ABSENT
        case _:
            return Membership.UNKNOWN


@dataclass(frozen=True, slots=True)
class Stamp:
    """Orders events about one (channel, user): Telegram's date, then the update's id."""

    date: int
    update_id: UpdateId
