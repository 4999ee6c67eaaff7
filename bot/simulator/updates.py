"""One bot's updates between their creation and their acknowledgement: ids, order, filter, expiry, capacity."""

import random
from collections import deque
from dataclasses import dataclass, field

import msgspec

from .model import JsonObject

KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "message_reaction",
    "message_reaction_count",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "purchased_paid_media",
    "guest_message",
    "managed_bot",
)
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
DEFAULT_KINDS = frozenset(KINDS) - NOT_BY_DEFAULT

# Telegram numbers the queues of one subject by adding a multiple of this to its id.
QUEUE_STEP = 1 << 33
DAY = 86400.0
PRESS_SECONDS = 150.0
MAX_PENDING = 100_000
MAX_BYTES = 524_288
MAX_CONNECTIONS = 40


def press_queue(user: int) -> int:
    """Return the queue of a user's button presses."""
    return user + 3 * QUEUE_STEP


def own_member_queue(chat: int) -> int:
    """Return the queue of the bot's own standing in a chat."""
    return chat + 5 * QUEUE_STEP


def member_queue(user: int) -> int:
    """Return the queue of one user's member changes and join requests, in whatever chat."""
    return user + 6 * QUEUE_STEP


@dataclass(slots=True, eq=False)
class Update:
    """An update with its place in the delivery."""

    id: int
    kind: str
    body: JsonObject
    queue: int
    expires: float
    created: float
    data: bytes
    chat_id: int | None = None
    user_id: int | None = None
    attempts: int = 0
    failures: int = 0
    delay: float = 1.0
    wakeup_at: float = 0.0


@dataclass(slots=True, eq=False)
class Webhook:
    """A bot's webhook settings and the last error seen."""

    url: str = ""
    secret: str = ""
    max_connections: int = MAX_CONNECTIONS
    ip_address: str = ""
    has_certificate: bool = False
    last_error_at: float | None = None
    last_error: str | None = None
    set_at: float = float("-inf")


@dataclass(slots=True, eq=False)
class UpdateLog:
    """The updates of one bot that wait for an acknowledgement, by id."""

    bot_id: int
    next_id: int
    allowed: frozenset[str] = DEFAULT_KINDS
    webhook: Webhook = field(default_factory=Webhook)
    pending: dict[int, Update] = field(default_factory=dict)
    unloaded: deque[Update] = field(default_factory=deque)
    created: list[JsonObject] = field(default_factory=list)
    keeps_created: bool = True

    @classmethod
    def new(cls, bot_id: int, dice: random.Random) -> "UpdateLog":
        """Return an empty log that begins at a random number, as Telegram's do."""
        return cls(bot_id, dice.randint(2_000_001, 1_000_000_000))

    def add(self, kind: str, body: JsonObject, *, queue: int, expires: float, now: float) -> Update | None:
        """Append an update unless the bot did not ask for this kind, or there are too many already."""
        if kind not in self.allowed or len(self.pending) >= MAX_PENDING:
            return None
        data = b'{"update_id":%d,\n"%s":%s}' % (self.next_id, kind.encode(), msgspec.json.encode(body))
        if len(data) > MAX_BYTES:
            return None
        update = Update(self.next_id, kind, body, queue, expires, now, data, wakeup_at=now)
        update.chat_id, update.user_id = _chat_of(body), _user_of(kind, body)
        self.next_id += 1
        self.pending[update.id] = update
        self.unloaded.append(update)
        if self.keeps_created:
            self.created.append({"update_id": update.id, kind: body})
        return update

    def forget(self, update: Update) -> None:
        """Drop an update that was acknowledged or has expired."""
        self.pending.pop(update.id, None)

    def clear(self) -> None:
        """Drop everything, as drop_pending_updates does."""
        self.pending.clear()
        self.unloaded.clear()

    def expire(self, now: float) -> None:
        """Drop what nobody fetched in time."""
        for update in [each for each in self.pending.values() if each.expires < now]:
            self.forget(update)


def _chat_of(body: JsonObject) -> int | None:
    inner = body.get("message")
    chat = inner.get("chat") if isinstance(inner, dict) else body.get("chat")
    return chat.get("id") if isinstance(chat, dict) else None


def _user_of(kind: str, body: JsonObject) -> int | None:
    """Return whom an update is about: the affected member, else who did it."""
    member = body.get("new_chat_member")
    user = member.get("user") if kind in {"chat_member", "my_chat_member"} and isinstance(member, dict) else None
    user = user or body.get("from")
    return user.get("id") if isinstance(user, dict) else None
