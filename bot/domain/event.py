"""What GMBot decided about somebody, for the people who ask why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId


class Cause(Enum):
    """Why a case is wanted as it is. It becomes the reason of the case's events."""

    MESSAGE = "message"
    JOIN = "join"
    LEFT_CHANNEL = "left_channel"
    JOINED_CHANNEL = "joined_channel"
    ASKED_CHANNEL = "asked_channel"
    PRESS = "press"
    RETURN = "return"
    """Somebody came back into the group with our mute still in force."""
    PROTECT = "protect"
    UNPROTECT = "unprotect"
    PAUSE = "pause"
    RESUME = "resume"
    POLICY = "policy"
    """The group's admins chose otherwise."""
    EXEMPT = "exempt"
    ERASE = "erase"
    """All that is known about them is to be erased."""


@dataclass(frozen=True, slots=True)
class EventKey:
    """Where a page of events begins: after this one, towards the past."""

    at: datetime
    number: int

    def __str__(self) -> str:
        """Write it as the command line takes it."""
        return f"{self.at.isoformat()}/{self.number}"


def event_key(text: str) -> EventKey:
    """Read a key. Raises ValueError."""
    at, slash, number = text.rpartition("/")
    if not slash:
        raise ValueError(f"{text!r} is no key of an event: <time>/<number>")
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone")
    return EventKey(moment, int(number))


@dataclass(frozen=True, slots=True)
class Event:
    """One decision. `kind` and `reason` are open: a newer release may know more of them."""

    key: EventKey
    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    kind: str
    reason: str | None
    channels: tuple[ChannelId, ...]
    case_id: CaseId | None
    seconds: float | None
    """How old the case was; None without one."""


@dataclass(frozen=True, slots=True)
class EventCount:
    """How often something happened in a group, to how many people, and how old their cases were on average."""

    kind: str
    events: int
    users: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class PastCase:
    """One case of a user, open or closed."""

    case_id: CaseId
    group_id: GroupId
    done: str
    cause: str | None
    outcome: str | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what. `action` is open: a newer release may know more of them."""

    at: datetime
    actor: UserId
    action: str
    detail: Mapping[str, object]
