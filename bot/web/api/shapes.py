"""What the API takes and gives. The OpenAPI document is made from these types."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from bot.domain.listing import GroupState
from bot.domain.membership import Require
from bot.domain.policy import (
    ChannelPosts,
    Commands,
    Edits,
    Enforcement,
    JoinRequests,
    Locked,
    OnLeave,
    OnUnknown,
    Prompts,
    ServiceMessages,
)

Row = TypeVar("Row")

# What Telegram's numbers fit into, and JavaScript's.
Id = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Limit = Annotated[int, msgspec.Meta(ge=1, le=200, description="Rows on a page.")]
_Cursor = Annotated[str | None, msgspec.Meta(description="The `next` of the page before, for the rows behind it.")]
_BotName = Annotated[str | None, msgspec.Meta(description="Only of this bot: its name, username or number.")]
_Kind = Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,32}$")]


class Shape(msgspec.Struct):
    """Something that is given."""


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Something that is taken; what it does not name is refused."""


class Nothing(Asked):
    """No fields."""


class NewBot(Asked):
    """A bot to host."""

    token: Annotated[str, msgspec.Meta(description="As @BotFather gave it.")]
    name: Annotated[str | None, msgspec.Meta(description="What operators call it; by default its username.")] = None


class NewToken(Asked):
    """Another token of the same bot."""

    token: str


class Owner(Asked):
    """Whose a bot is: somebody's Telegram id."""

    user: Id


class Stopping(Asked):
    """How to stop a bot."""

    at_once: Annotated[bool, msgspec.Meta(description="Free nobody first: whom the bot muted stays muted.")] = False


class Removal(Asked):
    """How to remove a bot."""

    abandon: Annotated[bool, msgspec.Meta(description="Also while people are muted whom only it can free.")] = False


class NewMessage(Asked):
    """What the bot is to say in a group."""

    text: Annotated[str, msgspec.Meta(description="Plain text, 10 KB at most; sent in parts of 4096 characters.")]


class PolicyChoices(Asked):
    """How strict a group's gate is to be. The fields are the settings of `/settings`, and so are the options."""

    enforcement: Enforcement | UnsetType = UNSET
    kick_minutes: str | UnsetType = UNSET
    require: Require | UnsetType = UNSET
    on_unknown: OnUnknown | UnsetType = UNSET
    on_leave: OnLeave | UnsetType = UNSET
    grace_minutes: str | UnsetType = UNSET
    grandfather: Annotated[str | UnsetType, msgspec.Meta(description="`on` or `off`.")] = UNSET
    channel_posts: ChannelPosts | UnsetType = UNSET
    edits: Edits | UnsetType = UNSET
    commands: Commands | UnsetType = UNSET
    prompts: Prompts | UnsetType = UNSET
    join_requests: JoinRequests | UnsetType = UNSET
    pending_minutes: str | UnsetType = UNSET
    tidy_minutes: str | UnsetType = UNSET
    service_messages: ServiceMessages | UnsetType = UNSET
    locked: Annotated[Locked | UnsetType, msgspec.Meta(description="For the group's owner, in the chat.")] = UNSET


class LetterName(Asked):
    """Which letter."""

    letter: Annotated[str, msgspec.Meta(description="`update/<bot>/<update>` or `action/<number>`.")]


class ListQuery(Asked):
    """A page of a list of one bot or of all."""

    bot: _BotName = None
    cursor: _Cursor = None
    limit: _Limit = 50


class GroupsQuery(ListQuery):
    """A page of groups."""

    search: Annotated[str, msgspec.Meta(description="A part of the title or username, or a number.")] = ""
    state: GroupState | None = None


class ChannelsQuery(ListQuery):
    """A page of channels."""

    search: Annotated[str, msgspec.Meta(description="A part of the title or username, or a number.")] = ""


class EventsQuery(ListQuery):
    """A page of decisions. A group's or a user's need `bot`, too."""

    group: Id | None = None
    user: Id | None = None
    kind: _Kind | None = None


class RestrictionsQuery(ListQuery):
    """A page of the ledger: what is open, or with `bot` and `user` everything of theirs."""

    group: Id | None = None
    user: Id | None = None


class AuditQuery(ListQuery):
    """A page of the audit."""

    chat: Id | None = None


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


class LogChoice(Asked):
    """How much to log, and for how long."""

    level: Annotated[str, msgspec.Meta(description="`debug`, `info`, `warning` or `error`.")]
    minutes: Annotated[int, msgspec.Meta(description="From 1 to 1440.")]


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
