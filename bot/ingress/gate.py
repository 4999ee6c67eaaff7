"""The hot path: may this update pass without anybody looking at it? Decided from what is in memory alone."""

from typing import Protocol

from bot.domain.group import ProtectedGroup
from bot.domain.ids import TELEGRAM_SERVICE, BotId, ChannelId, GroupId, UserId
from bot.domain.membership import Membership
from bot.ingress.shapes import MessageHead, UpdateHead


class Groups(Protocol):
    """The protected groups."""

    def group(self, bot: BotId, group: GroupId) -> ProtectedGroup | None:
        """Return a group that is or was protected."""
        ...


class Memory(Protocol):
    """Memberships known in this process."""

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        """Return a fresh answer."""
        ...


class Sightings(Protocol):
    """Notes who is active."""

    def sighted(self, bot: BotId, group: GroupId, user: UserId) -> None:
        """Note that the user spoke and passed."""
        ...


class Gate:
    """Decides on ordinary messages. Commands, joins, leaves, moves and private messages are not its business."""

    def __init__(self, *, groups: Groups, memory: Memory, sightings: Sightings) -> None:
        self._groups = groups
        self._memory = memory
        self._sightings = sightings

    def passes(self, bot: BotId, update: UpdateHead) -> str | None:
        """Name the reason why the update is done already, None when it has to be handled."""
        message = update.message or update.edited_message
        if message is None or message.chat.type not in {"group", "supergroup"} or _special(message):
            return None
        group = self._groups.group(bot, GroupId(message.chat.id))
        if group is None or not group.gating:
            return "unprotected"
        if message.new_chat_members or message.left_chat_member:
            # Telegram sends these when it likes; who came and went is told by `chat_member`.
            return "service"
        sender = message.sender
        if sender is None or message.sender_chat is not None or sender.is_bot or sender.id == TELEGRAM_SERVICE:
            return "exempt"
        user = UserId(sender.id)
        for channel in group.channels:
            if self._memory.recall(bot, user, channel.channel_id) is not Membership.MEMBER:
                return None
        self._sightings.sighted(bot, group.group_id, user)
        return "verified"


def _special(message: MessageHead) -> bool:
    return (
        (message.text is not None and message.text.startswith("/"))
        or message.migrate_to_chat_id is not None
        or message.migrate_from_chat_id is not None
    )
