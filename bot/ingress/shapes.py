"""The few fields of an update that are read before any handler is, as typed structs.

Telegram's ids have at most 52 significant bits (core.telegram.org/bots/api, Chat.id); anything larger is no id.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

Id = Annotated[int, Meta(ge=-(2**52), le=2**52)]
Text = Annotated[str, Meta(pattern="^[^\x00]*\\Z")]
"""PostgreSQL's text holds no NUL, and Telegram sends none."""


ABSENT = Raw()
"""A field that is read only for being there; falsy when it is not."""


class ChatHead(Struct):
    """A chat, as far as the gate cares."""

    id: Id
    type: str


class UserHead(Struct):
    """A sender, as far as the gate cares."""

    id: Id
    is_bot: bool = False


class MessageHead(Struct, rename={"sender": "from"}):
    """A message, as far as the gate cares."""

    chat: ChatHead
    sender: UserHead | None = None
    sender_chat: ChatHead | None = None
    is_automatic_forward: bool = False
    text: str | None = None
    new_chat_members: list[Raw] | None = None
    left_chat_member: UserHead | None = None
    migrate_to_chat_id: int | None = None
    migrate_from_chat_id: int | None = None


class UpdateHead(Struct):
    """An update, as far as the gate cares."""

    update_id: Annotated[int, Meta(ge=0, le=2**52)]
    message: MessageHead | None = None
    edited_message: MessageHead | None = None
    callback_query: Raw = ABSENT
    my_chat_member: Raw = ABSENT
    chat_member: Raw = ABSENT
    chat_join_request: Raw = ABSENT


class Chat(Struct):
    """A chat, with all that handlers read of it."""

    id: Id
    type: str
    title: Text | None = None
    username: Text | None = None


class User(Struct):
    """A user, with all that handlers read of it."""

    id: Id
    is_bot: bool
    first_name: Text
    last_name: Text | None = None
    username: Text | None = None
    language_code: Text | None = None


class Entity(Struct):
    """A part of a text with a meaning, such as a command."""

    type: str
    offset: Annotated[int, Meta(ge=0, le=2**20)]
    length: Annotated[int, Meta(ge=0, le=2**20)]
    user: User | None = None


class Message(Struct, rename={"sender": "from"}):
    """A message, with all that handlers read of it."""

    message_id: Id
    date: Annotated[int, Meta(ge=0, le=2**33)]
    chat: Chat
    sender: User | None = None
    text: Text | None = None
    entities: list[Entity] | None = None
    message_thread_id: Id | None = None
    sender_chat: Chat | None = None
    is_automatic_forward: bool | None = None
    reply_to_message: "Message | None" = None
    migrate_to_chat_id: Id | None = None
    migrate_from_chat_id: Id | None = None


class Press(Struct, rename={"presser": "from"}):
    """A callback query, with all that handlers read of it."""

    id: Text
    presser: User
    message: "PressedMessage | None" = None
    data: Text | None = None


class PressedMessage(Struct, rename={"sender": "from"}):
    """The message under a button; an inaccessible one has the date 0 and little else."""

    message_id: Id
    date: Annotated[int, Meta(ge=0, le=2**33)]
    chat: Chat
    reply_to_message: Message | None = None


class Member(Struct):
    """A chat member, with all that handlers read of it."""

    status: Literal["creator", "administrator", "member", "restricted", "left", "kicked"]
    user: User
    is_member: bool | None = None
    until_date: Annotated[int, Meta(ge=0, le=2**33)] | None = None


class MemberUpdate(Struct, rename={"actor": "from"}):
    """A `chat_member` or `my_chat_member` update, with all that handlers read of it."""

    chat: Chat
    actor: User
    date: Annotated[int, Meta(ge=0, le=2**33)]
    old_chat_member: Member
    new_chat_member: Member


class JoinRequest(Struct, rename={"requester": "from"}):
    """A request to join, with all that handlers read of it."""

    chat: Chat
    requester: User
    user_chat_id: Id
    date: Annotated[int, Meta(ge=0, le=2**33)]
    query_id: Text | None = None


class UpdateShape(Struct):
    """An update, with all that handlers read of it: what does not fit never reaches one."""

    message: Message | None = None
    edited_message: Message | None = None
    callback_query: Press | None = None
    my_chat_member: MemberUpdate | None = None
    chat_member: MemberUpdate | None = None
    chat_join_request: JoinRequest | None = None
