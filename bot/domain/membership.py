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


class Require(Enum):
    """How many of a group's channels one has to be in."""

    ALL = "all"
    ANY = "any"


Standing = Mapping[ChannelId, Membership]


@dataclass(frozen=True, slots=True)
class Allow:
    """The user is in as many channels as the group requires."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The user is proven absent from these channels, in the order the group lists them."""

    channels: tuple[ChannelId, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """No absence is proven, but these channels could not be asked."""

    channels: tuple[ChannelId, ...]


Verdict = Allow | Missing | Doubt


def judge(standing: Standing, require: Require = Require.ALL) -> Verdict:
    """Find against a user only on a proven absence; an outage is not one.

    Where any channel will do, one membership is enough and only absence from all of them counts.
    """
    missing = tuple(channel for channel, answer in standing.items() if answer is Membership.ABSENT)
    unknown = tuple(channel for channel, answer in standing.items() if answer is Membership.UNKNOWN)
    if require is Require.ANY:
        if not standing or len(missing) + len(unknown) < len(standing):
            return Allow()
        return Doubt(unknown) if unknown else Missing(missing)
    if missing:
        return Missing(missing)
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
