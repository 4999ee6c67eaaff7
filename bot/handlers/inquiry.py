"""`/status` about somebody, for admins: what they are in, and whether they may write."""

import html

from telegram import Message, MessageEntity, Update

from bot.domain.errors import TelegramError
from bot.domain.group import Exemption, ProtectedGroup
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership
from bot.handlers.reading import name_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases

# Telegram's ids have at most 52 significant bits.
LARGEST_ID = 2**52


class Inquiry:
    """Asks Telegram about one person."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def report(self, update: Update, group: ProtectedGroup, who: Exemption) -> str:
        """Say channel by channel what somebody is there. Being banned keeps them out as being absent does."""
        bot, user, say = group.bot_id, who.user_id, self._replies.say
        who = await named(self._use, bot, who)
        standing = await self._use.verification.examine(bot, user, group.channel_ids)
        counted = await self._use.sparing.counted(group, user, standing)
        lines = [f"<b>{html.escape(who.user_name, quote=False)}</b>"]
        for channel in group.channels:
            state = self._state(bot, user, channel.channel_id, standing[channel.channel_id])
            if counted[channel.channel_id] is not standing[channel.channel_id]:
                state = "asked"
            lines.append(f"• {say(update, f'status.person.{state}', channel=channel.title)}")
        if user in group.exempt:
            lines.append(say(update, "status.person.exempt"))
        kept = await self._use.ledger.open_case(bot, group.group_id, user) is not None
        lines.append(say(update, "status.person.kept" if kept else "status.person.free"))
        return "\n".join(lines)

    def _state(self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership) -> str:
        if answer is Membership.ABSENT and self._use.bans.banned(bot, user, (channel,)):
            return "banned"
        return answer.value


async def named(use: UseCases, bot: BotId, who: Exemption) -> Exemption:
    """Find the name of somebody of whom only the number was given; Telegram tells it of whom the bot has met."""
    if not who.user_name.isdecimal():
        return who
    try:
        known = await use.telegram.chat(bot, who.user_id)
    except TelegramError:
        return who
    return Exemption(who.user_id, known.title or who.user_name)


def meant(message: Message) -> Exemption | None:
    """Find whom a command is about: who is replied to, who is mentioned, or whose number stands there."""
    for entity in message.entities:
        if entity.type == MessageEntity.TEXT_MENTION and entity.user is not None:
            return Exemption(UserId(entity.user.id), name_of(entity.user))
    words = (message.text or "").split()[1:]
    if words and words[0].isdecimal() and 0 < int(words[0]) <= LARGEST_ID:
        return Exemption(UserId(int(words[0])), words[0])
    replied = message.reply_to_message
    if replied is None or replied.from_user is None or replied.sender_chat is not None or replied.from_user.is_bot:
        return None
    return Exemption(UserId(replied.from_user.id), name_of(replied.from_user))
