"""A protected group and the channels that guard it."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.policy import ChannelPosts, Enforcement, OnUnknown, Policy, in_force


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel one must be in."""

    channel_id: ChannelId
    title: str
    username: str | None
    invite_link: str | None

    @property
    def join_url(self) -> str | None:
        """Where one taps to join, by preference where it is counted; None for a private channel without a link."""
        return self.invite_link or (f"https://t.me/{self.username}" if self.username else None)


@dataclass(frozen=True, slots=True)
class ProtectedGroup:
    """One group as its admins have set it up."""

    bot_id: BotId
    group_id: GroupId
    title: str
    username: str | None
    channels: tuple[Channel, ...]
    configured_by: UserId
    policy: Policy = field(default_factory=Policy)
    basic_group: bool = False
    """Telegram lets nobody be restricted here."""
    language: str = "en"
    protected: bool = True
    protected_since: datetime | None = None
    paused_reason: str | None = None
    prompt_text: str | None = None
    """What its admins say to strangers, checked; None: the catalog's words."""
    exempt: frozenset[UserId] = frozenset()
    """Who may write whatever they are in."""
    former_ids: frozenset[GroupId] = frozenset()
    """Ids the group had before Telegram made it a supergroup."""

    @property
    def gating(self) -> bool:
        """Whether anybody is checked here at the moment."""
        return self.protected and self.paused_reason is None

    @property
    def enforcement(self) -> Enforcement:
        """What happens here to somebody who is not in the channels."""
        return in_force(self.policy.enforcement, basic_group=self.basic_group)

    @property
    def on_unknown(self) -> OnUnknown:
        """What happens to a message while membership cannot be checked; while observing, nothing does."""
        return OnUnknown.ALLOW if self.policy.enforcement is Enforcement.OBSERVE else self.policy.on_unknown

    def may_be_silenced(self, channel: int, *, automatic: bool) -> bool:
        """Whether a post in the name of this channel is to be removed, unless the channel is the linked one."""
        if self.policy.channel_posts is ChannelPosts.ALLOW or self.policy.enforcement is Enforcement.OBSERVE:
            return False
        return not automatic and channel != self.group_id and channel not in self.channel_ids

    @property
    def channel_ids(self) -> tuple[ChannelId, ...]:
        """The required channels, in the admins' order."""
        return tuple(channel.channel_id for channel in self.channels)


@dataclass(frozen=True, slots=True)
class ChatInfo:
    """What getChat tells about a group or channel."""

    chat_id: int
    kind: str
    """`private`, `group`, `supergroup` or `channel`."""
    title: str
    username: str | None
    invite_link: str | None
    linked_id: int | None = None
    """The channel whose discussion group it is, or the other way round."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """Somebody who may write in a group whatever they are in."""

    user_id: UserId
    user_name: str


@dataclass(frozen=True, slots=True)
class Observed:
    """Whom a gate that only observes would have kept from writing."""

    count: int
    names: tuple[str, ...]
    """Some of them, the last ones first."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """A group that an admin sets up in the private chat with the bot."""

    set_up_id: int
    bot_id: BotId
    user_id: UserId
    group_id: GroupId
    title: str
    username: str | None
    basic_group: bool
    before: tuple[ChannelId, ...]
    """The channels that were required when it began; empty: the group was open."""
    picked: ChannelId | None = None


@dataclass(frozen=True, slots=True)
class GroupSetup:
    """What `/protect` asks for, checked already."""

    bot_id: BotId
    group_id: GroupId
    title: str
    username: str | None
    basic_group: bool
    language: str
    channels: tuple[Channel, ...]
    by: UserId
