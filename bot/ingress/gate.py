"""The hot path: may this update pass without anybody looking at it? Decided from what is in memory alone."""

from typing import Protocol

from bot.domain.group import ProtectedGroup
from bot.domain.ids import TELEGRAM_SERVICE, BotId, ChannelId, GroupId, UserId
from bot.domain.membership import Membership, Require
from bot.domain.policy import Edits, ServiceMessages
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
            return "service" if group.policy.service_messages is ServiceMessages.KEEP else None
        if message.sender_chat is not None:
            silenced = group.may_be_silenced(message.sender_chat.id, automatic=message.is_automatic_forward)
            return None if silenced else "exempt"
        return self._member_passes(group, message, edited=update.message is None)

    def _member_passes(self, group: ProtectedGroup, message: MessageHead, *, edited: bool) -> str | None:
        sender = message.sender
        if sender is None or sender.is_bot or sender.id == TELEGRAM_SERVICE or sender.id in group.exempt:
            return "exempt"
        if edited and group.policy.edits is Edits.IGNORE:
            return "edit"
        if not self._is_known(group, UserId(sender.id)):
            return None
        self._sightings.sighted(group.bot_id, group.group_id, UserId(sender.id))
        return "verified"

    def _is_known(self, group: ProtectedGroup, user: UserId) -> bool:
        any_will_do = group.policy.require is Require.ANY
        for channel in group.channels:
            member = self._memory.recall(group.bot_id, user, channel.channel_id) is Membership.MEMBER
            if member is any_will_do:
                return member
        return not any_will_do


def _special(message: MessageHead) -> bool:
    return (
        (message.text is not None and message.text.startswith("/"))
        or message.migrate_to_chat_id is not None
        or message.migrate_from_chat_id is not None
    )
