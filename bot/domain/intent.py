"""What an update obliges GMBot to do, committed in one transaction with the mark that the update is done."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.event import Cause
from bot.domain.ids import (
    BotId,
    CaseId,
    ChannelId,
    EphemeralId,
    GroupId,
    InstanceId,
    MessageId,
    TopicId,
    UpdateId,
    UserId,
)
from bot.domain.permissions import Prior
from bot.domain.policy import Enforcement
from bot.domain.restriction import Wanted


@dataclass(frozen=True, slots=True)
class Receipt:
    """This instance's claim on one update."""

    bot_id: BotId
    update_id: UpdateId
    owner: InstanceId
    attempt: int


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Look into a user: open a case, or add to the one that is open.

    `sent_at` is the date of the message that caused it, None where there was none (the user joined). `missing` are the
    channels the user was found absent from, empty while that is a question. `language` is the member's, or the group's
    where theirs is not known.
    """

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    user_name: str
    language: str
    enforcement: Enforcement
    wanted: Wanted
    delete_ids: tuple[MessageId, ...] = ()
    topic_id: TopicId | None = None
    sent_at: datetime | None = None
    missing: tuple[ChannelId, ...] = ()


@dataclass(frozen=True, slots=True)
class Want:
    """Change what is wanted in open cases."""

    case_ids: tuple[CaseId, ...]
    wanted: Wanted
    cause: Cause


@dataclass(frozen=True, slots=True)
class Regate:
    """Somebody left a channel: look into them in every group that asks for it and has seen them."""

    bot_id: BotId
    user_id: UserId
    channel_id: ChannelId
    user_name: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asks to join a channel: where a group lets that count, it counts for a while."""

    bot_id: BotId
    user_id: UserId
    channel_id: ChannelId


@dataclass(frozen=True, slots=True)
class AskedNoMore:
    """They have joined it, left it or were banned: the request is over."""

    bot_id: BotId
    user_id: UserId
    channel_id: ChannelId


@dataclass(frozen=True, slots=True)
class Moderated:
    """Somebody other than this bot changed a user's restriction; `prior` is what now stands (None: no restriction)."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    prior: Prior | None
    banned: bool = False


@dataclass(frozen=True, slots=True)
class Pardon:
    """A moderator lifted a restriction with this end from somebody: if it was our mute, the user is exempt."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    until: datetime
    by: UserId


@dataclass(frozen=True, slots=True)
class WentAway:
    """The user left the group: nobody is there to read the prompt."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class Echo:
    """Telegram tells of our own mute, by its end. A call we had given up on may be carried out after all."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    until: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """Remember a decision that changes nothing: somebody pressed the button, and channels are still missing."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    kind: str
    cause: Cause
    channels: tuple[ChannelId, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """The user was seen to come into the group."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class Observe:
    """The user would have been kept from writing, if the gate did more than observe."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    user_name: str
    cause: Cause
    missing: tuple[ChannelId, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete a message that belongs to no case."""

    bot_id: BotId
    group_id: GroupId
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class PromptSeen:
    """The user has pressed the prompt that only they see."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    message_id: EphemeralId


@dataclass(frozen=True, slots=True)
class Asks:
    """The user asks to be let into the group."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    language: str


@dataclass(frozen=True, slots=True)
class AsksAgain:
    """The user has joined a channel: what they asked for is looked at again, in every group."""

    bot_id: BotId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class Brought:
    """The user has joined a channel by a link; if it is a group's own, it is counted."""

    bot_id: BotId
    channel_id: ChannelId
    user_id: UserId
    invite_link: str


Intent = (
    Asked
    | AskedNoMore
    | Asks
    | Brought
    | AsksAgain
    | OpenCase
    | Want
    | Regate
    | Pardon
    | Moderated
    | WentAway
    | Echo
    | Noted
    | Arrived
    | Observe
    | Remove
    | PromptSeen
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """A message that is due to be deleted."""

    action_id: int
    bot_id: BotId
    chat_id: GroupId
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class EphemeralDeletion:
    """A message that only one member sees and that is due to be deleted."""

    action_id: int
    bot_id: BotId
    chat_id: GroupId
    user_id: UserId
    message_id: EphemeralId


@dataclass(frozen=True, slots=True)
class Unban:
    """A ban of ours, recognised by its end, that is due to be over."""

    action_id: int
    bot_id: BotId
    chat_id: GroupId
    user_id: UserId
    until: datetime


@dataclass(frozen=True, slots=True)
class DeadUpdate:
    """An update that kept failing, as Telegram sent it."""

    bot_id: BotId
    update_id: UpdateId
    body: bytes


@dataclass(frozen=True, slots=True)
class KeptUpdate:
    """An update that waits for PostgreSQL, as Telegram sent it. Of several with one key the first is kept."""

    key: str
    bot_id: BotId
    update_id: UpdateId
    body: bytes


@dataclass(frozen=True, slots=True)
class DeadCount:
    """How many updates and actions were given up."""

    updates: int
    actions: int
