"""What the API gives. The OpenAPI document is made from these types and those of what it takes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec

Row = TypeVar("Row")


class Shape(msgspec.Struct):
    """Something that is given."""


class Rows(Shape, Generic[Row]):
    """A page of a list."""

    items: tuple[Row, ...]
    next: Annotated[str | None, msgspec.Meta(description="The `cursor` of the next page; null at the end.")]


class Bot(Shape):
    """A bot of this deployment."""

    id: int
    name: str
    username: str
    state: str
    groups: int
    muted: int
    added_at: datetime
    refused_since: datetime | None


class Webhook(Shape):
    """What Telegram knows of a bot's webhook."""

    url: Annotated[str, msgspec.Meta(description="Empty: none is set. A foreign one ends with its host.")]
    is_foreign: Annotated[bool, msgspec.Meta(description="Updates go to somebody else.")]
    waiting: Annotated[int, msgspec.Meta(description="Updates that wait at Telegram.")]
    max_connections: int | None
    last_error: Annotated[str, msgspec.Meta(description="Why the last delivery that failed did; empty: none has.")]
    last_error_at: datetime | None


class Group(Shape):
    """A group in a list."""

    bot: int
    id: int
    title: str
    username: str | None
    state: str
    enforcement: str
    paused_reason: str | None
    channels: int
    muted: int
    updated_at: datetime


class RequiredChannel(Shape):
    """A channel that a group requires."""

    id: int
    title: str
    username: str | None
    link: str | None


class GroupInFull(Shape):
    """A group with its channels, its policy and what was decided in the last seven days."""

    group: Group
    required: tuple[RequiredChannel, ...]
    policy: Mapping[str, Any]
    language: str
    exempt: int
    decisions: Mapping[str, int]


class Rights(Shape):
    """What the bot may do in a chat that a group depends on; `is_enough` is about what the gate needs."""

    chat: int
    title: str
    is_channel: bool
    is_admin: bool
    rights: Mapping[str, bool]
    is_enough: bool


class Gating(Shape):
    """Whether the group is gated now."""

    gated: bool


class Changed(Shape):
    """Whether this changed anything."""

    changed: bool


class Sent(Shape):
    """Into how many messages a text was cut."""

    parts: int


class Warming(Shape):
    """How far a verification in advance is."""

    job: str
    state: str
    done: int
    expected: int
    detail: str


class Work(Shape):
    """How far a piece of work is."""

    job: str
    what: str
    state: Annotated[str, msgspec.Meta(description="`running`, `done` or `failed`.")]
    done: int
    expected: int
    detail: str


class BackupShape(Shape):
    """A backup."""

    name: str
    kind: str
    why: str
    begun_at: datetime
    ended_at: datetime
    bytes: int
    schema: str | None
    release: str
    fault: Annotated[str | None, msgspec.Meta(description="Why it is not to be relied on.")]


class LogShape(Shape):
    """How much is logged; null: as the settings say."""

    level: str
    usual: str
    until: datetime | None


class Channel(Shape):
    """A channel that groups require."""

    bot: int
    id: int
    title: str
    username: str | None
    link: str | None
    groups: int


class Decision(Shape):
    """What was decided about somebody."""

    at: datetime
    bot: int
    group: int
    user: int
    kind: str
    reason: str | None
    channels: tuple[int, ...]
    case: int | None
    seconds: float | None


class Restriction(Shape):
    """A row of the ledger."""

    case: int
    bot: int
    group: int
    group_title: str | None
    user: int
    user_name: str
    wanted: str
    done: str
    cause: str | None
    outcome: str | None
    opened_at: datetime
    closed_at: datetime | None
    due_at: datetime | None
    attempts: int


class Entry(Shape):
    """Who changed what, from where. An API token is a number below zero, the shell is 0."""

    number: int
    at: datetime
    bot: int
    actor: int
    source: str
    action: str
    chat: int | None
    detail: Mapping[str, Any]


class Letter(Shape):
    """An update or action that was given up."""

    name: str
    bot: int
    died_at: datetime
    error: str
    is_waiting: bool


class Instance(Shape):
    """A process that serves."""

    id: str
    host: str
    version: str
    started_at: datetime
    beat_at: datetime
    is_alive: bool


class Reason(Shape):
    """One thing that was decided, with its reason in words."""

    decision: Decision
    text: str


class Explanation(Shape):
    """How somebody stands in a group, and how it came to that."""

    verdict: str
    group_title: str
    user_name: str | None
    reasons: Annotated[tuple[Reason, ...], msgspec.Meta(description="The newest first, 50 at most.")]
    cases: tuple[Restriction, ...]


class Hour(Shape):
    """What was decided within an hour, by kind."""

    at: datetime
    decisions: Mapping[str, int]


class Scheduled(Shape):
    """One kind of scheduled work."""

    kind: str
    waiting: int
    given_up: int
    next_at: datetime | None


class Found(Shape):
    """What the doctor found."""

    check: str
    area: str
    level: Annotated[str, msgspec.Meta(description="`ok`, `note`, `warning` or `failure`.")]
    what: str
    remedy: Annotated[str, msgspec.Meta(description="Empty when nothing has to be done.")]


class InForce(Shape):
    """A setting of the instance that answers; a secret only says whether it is set."""

    name: str
    value: str
    is_default: bool


class Summary(Shape):
    """The deployment in figures."""

    status: Annotated[str, msgspec.Meta(description="`healthy`, or `degraded` while something waits for a person.")]
    protected: int
    paused: int
    trouble: int
    observing: int
    muted: int
    overdue: int
    letters: int
    instances: int


class Problem(Shape):
    """Why a request was refused, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
