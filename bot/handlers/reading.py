"""From python-telegram-bot's objects to the domain's values."""

from telegram import CallbackQuery, ChatJoinRequest, ChatMemberUpdated, Message, Update, User

from bot.domain.ids import BotId, EphemeralId, GroupId, MessageId, TopicId, UpdateId, UserId
from bot.domain.member_change import MemberChange
from bot.domain.membership import Stamp
from bot.domain.permissions import read_member
from bot.services.gate.admission import Speaker


def bot_of(update: Update) -> BotId:
    """Return the bot that received the update."""
    return BotId(update.get_bot().id)


def name_of(user: User) -> str:
    """Return the name people see."""
    return user.full_name or user.username or str(user.id)


def speaker_of(update: Update, message: Message, user: User) -> Speaker:
    """Return who spoke."""
    return Speaker(
        bot_id=bot_of(update),
        group_id=GroupId(message.chat.id),
        user_id=UserId(user.id),
        name=name_of(user),
        message_id=MessageId(message.message_id),
        topic_id=topic_of(message),
        sent_at=message.edit_date or message.date,
        language=user.language_code,
    )


def topic_of(message: Message) -> TopicId | None:
    """Return the forum topic; the General topic has none, and naming it makes Telegram refuse a message."""
    if not message.is_topic_message or message.message_thread_id is None:
        return None
    return TopicId(message.message_thread_id)


def ephemeral_id_of(query: CallbackQuery) -> EphemeralId | None:
    """Return the number of the pressed message if only the presser sees it; the library does not know the field."""
    number = query.message.api_kwargs.get("ephemeral_message_id") if query.message is not None else None
    return EphemeralId(number) if isinstance(number, int) else None


def query_of(request: ChatJoinRequest) -> str | None:
    """Return the query that a guard bot gets with a request to join; the library does not know the field."""
    query = request.api_kwargs.get("query_id")
    return query if isinstance(query, str) else None


def change_of(update: Update, change: ChatMemberUpdated) -> MemberChange:
    """Return what happened to a member."""
    user = change.new_chat_member.user
    return MemberChange(
        bot_id=bot_of(update),
        chat_id=change.chat.id,
        user_id=UserId(user.id),
        user_name=name_of(user),
        is_bot=user.is_bot,
        actor=UserId(change.from_user.id),
        old=read_member(change.old_chat_member.to_dict(recursive=False)),
        new=read_member(change.new_chat_member.to_dict(recursive=False)),
        stamp=Stamp(int(change.date.timestamp()), UpdateId(update.update_id)),
        language=user.language_code,
        invite_link=change.invite_link.invite_link if change.invite_link else None,
    )
