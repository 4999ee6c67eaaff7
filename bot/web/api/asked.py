"""What the API takes: bodies of requests, and what stands behind the question mark."""

from typing import Annotated

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

# What Telegram's numbers fit into, and JavaScript's.
Id = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Limit = Annotated[int, msgspec.Meta(ge=1, le=200, description="Rows on a page.")]
_Cursor = Annotated[str | None, msgspec.Meta(description="The `next` of the page before, for the rows behind it.")]
_BotName = Annotated[str | None, msgspec.Meta(description="Only of this bot: its name, username or number.")]
_Kind = Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,32}$")]


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


class LogChoice(Asked):
    """How much to log, and for how long."""

    level: Annotated[str, msgspec.Meta(description="`debug`, `info`, `warning` or `error`.")]
    minutes: Annotated[int, msgspec.Meta(description="From 1 to 1440.")]
