"""Messages in groups: who may speak."""

from telegram import Message, MessageEntity, Update, User
from telegram.ext import ApplicationHandlerStop, ContextTypes

from bot.domain.ids import TELEGRAM_SERVICE, GroupId, MessageId
from bot.domain.intent import Remove
from bot.domain.policy import Commands, Edits, ServiceMessages
from bot.handlers.basket import Baskets
from bot.handlers.reading import bot_of, speaker_of
from bot.handlers.usecases import UseCases
from bot.services.gate.admission import Admission, Post


class GroupMessages:
    """Runs before every command: a stranger's command is a stranger's message."""

    def __init__(self, use: UseCases, baskets: Baskets) -> None:
        self._use = use
        self._baskets = baskets

    async def spoke(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Gate whoever wrote or edited a message."""
        message = update.effective_message
        if message is None or message.from_user is None or self._is_let_pass(update, message):
            return
        if message.sender_chat is not None:
            post = Post(
                message.sender_chat.id, MessageId(message.message_id), automatic=bool(message.is_automatic_forward)
            )
            decision = await self._use.doorkeeper.look_at_post(bot_of(update), GroupId(message.chat.id), post)
        elif _has_no_membership(message.from_user):
            return
        else:
            decision = await self._use.doorkeeper.look(speaker_of(update, message, message.from_user))
        admission, intents = decision
        self._baskets.add(update, intents)
        if admission is Admission.STOPPED:
            raise ApplicationHandlerStop

    def _is_let_pass(self, update: Update, message: Message) -> bool:
        """Whether the group's policy looks at this kind of message at all."""
        group = self._use.directory.group(bot_of(update), GroupId(message.chat.id))
        if group is None:
            return False
        if update.edited_message is not None:
            return group.policy.edits is Edits.IGNORE
        return group.policy.commands is Commands.ANSWER and _is_bare_command(message)

    async def came_or_left(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Remove Telegram's message that somebody came or left, where the group's admins want that."""
        message = update.effective_message
        group = self._use.directory.group(bot_of(update), GroupId(message.chat.id)) if message else None
        if message is None or group is None or not group.gating:
            return
        gone = message.left_chat_member
        if group.policy.service_messages is ServiceMessages.REMOVE and (gone is None or gone.id != group.bot_id):
            self._baskets.add(update, [Remove(group.bot_id, group.group_id, MessageId(message.message_id))])

    async def moved(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Follow a group that became a supergroup; both of its service messages say so."""
        message = update.effective_message
        if message is None:
            return
        if message.migrate_to_chat_id is not None:
            old, new = message.chat.id, message.migrate_to_chat_id
        elif message.migrate_from_chat_id is not None:
            old, new = message.migrate_from_chat_id, message.chat.id
        else:
            return
        await self._use.setup.moved(bot_of(update), GroupId(old), GroupId(new))


def _has_no_membership(user: User) -> bool:
    """Bots and Telegram itself have no membership that could be asked for."""
    return user.is_bot or user.id == TELEGRAM_SERVICE


def _is_bare_command(message: Message) -> bool:
    """Whether the message is a command and nothing else, so that no advert hides behind one."""
    return any(
        entity.type == MessageEntity.BOT_COMMAND and entity.offset == 0 and entity.length == len(message.text or "")
        for entity in message.entities
    )
