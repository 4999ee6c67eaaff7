"""The things the simulated world is made of. Plain state; the rules are in the modules that change it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

JsonObject: TypeAlias = dict[str, object]

# Fixed accounts of Telegram that stand for senders without a user.
GROUP_ANONYMOUS_BOT = 1087968824
CHANNEL_BOT = 136817688
TELEGRAM = 777000


@dataclass(slots=True, eq=False)
class User:
    """A person, or one of Telegram's own accounts."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False
    is_deactivated: bool = False

    @property
    def name(self) -> str:
        """The name as apps show it."""
        return f"{self.first_name} {self.last_name}" if self.last_name else self.first_name


@dataclass(slots=True, eq=False)
class Bot(User):
    """A bot account, with what its session has met."""

    token: str = ""
    reads_all_messages: bool = False
    guards_join_requests: bool = False
    seen_chats: set[int] = field(default_factory=set)
    seen_users: set[int] = field(default_factory=set)
    opened_by: set[int] = field(default_factory=set)
    blocked_by: set[int] = field(default_factory=set)
    may_write_until: dict[int, float] = field(default_factory=dict)
    profile: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """One user's standing in one chat. `is_in` and `permissions` matter for the restricted."""

    user: User
    status: str
    is_in: bool = True
    permissions: Mapping[str, bool] = field(default_factory=dict)
    rights: frozenset[str] = frozenset()
    is_anonymous: bool = False
    custom_title: str | None = None
    until_date: int = 0
    promoted_by: int | None = None
    restricted_by: int | None = None

    @property
    def is_member(self) -> bool:
        """Whether the user is in the chat."""
        return self.status in {"creator", "administrator", "member"} or (self.status == "restricted" and self.is_in)

    @property
    def is_admin(self) -> bool:
        """Whether the user is an administrator or the owner."""
        return self.status in {"creator", "administrator"}

    def has(self, right: str) -> bool:
        """Say whether an administrator's right is held; the owner holds all."""
        return self.status == "creator" or (self.status == "administrator" and right in self.rights)


@dataclass(slots=True, eq=False)
class InviteLink:
    """A link into a chat."""

    url: str
    creator: User
    is_primary: bool = False
    creates_join_request: bool = False
    is_revoked: bool = False
    name: str | None = None
    expire_date: int | None = None
    member_limit: int | None = None
    joined: int = 0


@dataclass(slots=True, eq=False)
class JoinRequest:
    """A wish to join that waits for an administrator."""

    user: User
    at: float
    link: InviteLink | None = None
    query_id: str | None = None


@dataclass(slots=True, eq=False)
class Topic:
    """A forum topic; its id is the id of the service message that created it."""

    id: int
    name: str
    creator: User
    is_closed: bool = False


@dataclass(slots=True, eq=False)
class Message:
    """A message, with what each viewer needs to see it; `service` holds the payload of a service message."""

    id: int
    chat: "Chat"
    date: float
    sender: User | None = None
    sender_chat: "Chat | None" = None
    text: str | None = None
    entities: list[JsonObject] = field(default_factory=list)
    thread_id: int | None = None
    is_topic_message: bool = False
    reply_to: int | None = None
    media_group_id: str | None = None
    photo: bool = False
    picture: bytes | None = None
    """What was uploaded; a photo that a person sends has none."""
    buttons: JsonObject | None = None
    keyboard: list[list[JsonObject]] | None = None
    service: JsonObject | None = None
    signature: str | None = None
    forward_origin: JsonObject | None = None
    is_automatic_forward: bool = False
    edited_at: float | None = None
    receiver: User | None = None
    ephemeral_id: int | None = None
    author: User | None = None
    kind: str = "message"
    is_silent: bool = False


@dataclass(slots=True, eq=False)
class Chat:
    """A channel, a group, or the private chat of one user with one bot (`bot` and `peer` are set)."""

    id: int
    type: str
    title: str = ""
    username: str | None = None
    owner: User | None = None
    is_forum: bool = False
    has_hidden_members: bool = False
    join_by_request: bool = False
    join_to_send_messages: bool = False
    joins_are_silent: bool = False
    description: str | None = None
    bot: Bot | None = None
    peer: User | None = None
    linked: "Chat | None" = None
    migrated_to: "Chat | None" = None
    permissions: dict[str, bool] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    ephemeral: dict[tuple[int, int], Message] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    links: dict[str, InviteLink] = field(default_factory=dict)
    requests: dict[int, JoinRequest] = field(default_factory=dict)
    banned_senders: set[int] = field(default_factory=set)
    last_message_id: int = 0
    last_ephemeral_id: int = 0

    @property
    def is_group(self) -> bool:
        """Whether people talk to each other here."""
        return self.type in {"group", "supergroup"}

    @property
    def kind_name(self) -> str:
        """The chat's kind as Telegram's error texts name it."""
        return f"{self.type} chat"


@dataclass(slots=True, eq=False)
class CallbackAnswer:
    """What the bot answered to a press."""

    text: str | None
    show_alert: bool
    url: str | None


@dataclass(slots=True, eq=False)
class CallbackQuery:
    """A press of an inline button; `answer` stays None until the bot answers."""

    id: str
    bot: Bot
    user: User
    message: Message
    data: str
    at: float
    answer: CallbackAnswer | None = None
