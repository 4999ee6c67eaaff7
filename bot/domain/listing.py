"""What operators look at, as it is listed for them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Generic, TypeVar

from bot.domain.errors import InvalidInputError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId

Row = TypeVar("Row")

NO_CURSOR = "this cursor is none that a list gave"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and where it goes on."""

    rows: tuple[Row, ...]
    cursor: str | None
    """What to ask with for the rows behind these; None at the end."""


class GroupState(Enum):
    """How a group is, in one word."""

    PROTECTED = "protected"
    OBSERVING = "observing"
    OPEN = "open"
    PAUSED = "paused"
    """By an admin or operator, or with its bot."""
    TROUBLE = "trouble"
    """Paused because the bot lacks a right or a channel."""


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """Which groups to list."""

    bot: BotId | None = None
    search: str = ""
    """A part of the title or username, or an id."""
    state: GroupState | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group in a list."""

    bot_id: BotId
    group_id: GroupId
    title: str
    username: str | None
    state: str
    """One of GroupState."""
    paused_reason: str | None
    enforcement: str
    channels: int
    held: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """Everything about one group that needs no call to Telegram."""

    group: ProtectedGroup
    row: GroupRow
    counts: Mapping[str, int]
    """What was decided in the last seven days, and how often."""


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel in a list."""

    bot_id: BotId
    channel_id: ChannelId
    title: str
    username: str | None
    invite_link: str | None
    groups: int
    """Protected groups that require it."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A row of the ledger of restrictions."""

    case_id: CaseId
    bot_id: BotId
    group_id: GroupId
    group_title: str | None
    user_id: UserId
    user_name: str
    wanted: str
    done: str
    cause: str | None
    outcome: str | None
    opened_at: datetime
    done_at: datetime
    due_at: datetime | None
    """When somebody looks at it again; None: when something happens."""
    closed_at: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who changed what, from where."""

    number: int
    at: datetime
    bot_id: BotId
    actor: UserId
    source: str
    action: str
    chat_id: int | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LetterRow:
    """An update or action that was given up."""

    name: str
    """`update/<bot>/<update>` or `action/<number>`, as the command line has it."""
    bot_id: BotId
    died_at: datetime
    error: str
    is_waiting: bool
    """An instance is to handle it once more."""


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """A process that serves."""

    instance_id: str
    host: str
    version: str
    started_at: datetime
    beat_at: datetime
    is_alive: bool


@dataclass(frozen=True, slots=True)
class JobRow:
    """One kind of scheduled actions."""

    kind: str
    waiting: int
    dead: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The deployment in figures."""

    protected: int
    paused: int
    trouble: int
    observing: int
    held: int
    overdue: int
    """Cases that should have been looked at a minute ago."""
    letters: int
    instances: int


@dataclass(frozen=True, slots=True)
class Tick:
    """What was decided within one step of a series."""

    at: datetime
    counts: Mapping[str, int]


def cursor_of(*parts: object) -> str:
    """Write a place in a list as one word."""
    text = json.dumps(parts, ensure_ascii=False, default=str).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def place_of(cursor: str, *kinds: type) -> tuple[object, ...]:
    """Read a place back. Raises InvalidInputError."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or len(parts) != len(kinds):
        raise InvalidInputError("cursor", NO_CURSOR)
    if not all(_fits(part, kind) for part, kind in zip(parts, kinds, strict=True)):
        raise InvalidInputError("cursor", NO_CURSOR)
    return tuple(parts)


def _fits(part: object, kind: type) -> bool:
    if isinstance(part, int):
        return type(part) is kind and -(2**63) <= part < 2**63
    return isinstance(part, kind) and "\x00" not in str(part)
