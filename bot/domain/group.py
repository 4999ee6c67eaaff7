"""A protected group and the channels that guard it."""

from dataclasses import dataclass
from enum import Enum

from bot.domain.ids import BotId, ChannelId, GroupId, UserId


class Enforcement(Enum):
    """What happens to somebody who is not in the channels."""

    MUTE = "mute"
    DELETE = "delete"
    """Messages only: what is left in a basic group, where Telegram has no restrictions."""


class OnUnknown(Enum):
    """What happens to a message while membership cannot be checked."""

    ALLOW = "pass"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel one must be in."""

    channel_id: ChannelId
    title: str
    username: str | None
    invite_link: str | None

    @property
    def join_url(self) -> str | None:
        """Where one taps to join; None for a private channel without a link."""
        return f"https://t.me/{self.username}" if self.username else self.invite_link


@dataclass(frozen=True, slots=True)
class ProtectedGroup:
    """One group as its admins have set it up."""

    bot_id: BotId
    group_id: GroupId
    title: str
    username: str | None
    channels: tuple[Channel, ...]
    configured_by: UserId
    enforcement: Enforcement = Enforcement.MUTE
    on_unknown: OnUnknown = OnUnknown.ALLOW
    language: str = "en"
    protected: bool = True
    paused_reason: str | None = None
    former_ids: frozenset[GroupId] = frozenset()
    """Ids the group had before Telegram made it a supergroup."""

    @property
    def gating(self) -> bool:
        """Whether anybody is checked here at the moment."""
        return self.protected and self.paused_reason is None

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


@dataclass(frozen=True, slots=True)
class GroupSetup:
    """What `/protect` asks for, checked already."""

    bot_id: BotId
    group_id: GroupId
    title: str
    username: str | None
    enforcement: Enforcement
    language: str
    channels: tuple[Channel, ...]
    by: UserId
