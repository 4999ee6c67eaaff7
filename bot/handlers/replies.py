"""How commands answer: in the right topic, as a reply, without noise; and what they refuse."""

from collections.abc import Callable, Coroutine, Iterable

import structlog
from telegram import Message, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain import links
from bot.domain.errors import TelegramError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import BotId, GroupId, MessageId, UserId
from bot.domain.message import Button, Outgoing, Posted
from bot.domain.policy import Prompts
from bot.handlers.basket import Baskets
from bot.handlers.reading import bot_of, ephemeral_id_of, topic_of
from bot.handlers.usecases import UseCases
from bot.services.groups.setup import Problem

log = structlog.stdlib.get_logger()

# Longer than the window in which Telegram counts the messages of a private chat.
_WORTH_WAITING_SECONDS = 5.0

Handler = Callable[[Update, ContextTypes.DEFAULT_TYPE], Coroutine[object, object, None]]


class Replies:
    """Answers a command."""

    def __init__(self, use: UseCases, baskets: Baskets) -> None:
        self._use = use
        self._baskets = baskets

    def language(self, update: Update) -> str:
        """Return the language to answer this update's sender in."""
        user = update.effective_user
        return self._use.texts.supported(user.language_code if user else None)

    def say(self, update: Update, key: str, **values: str | int) -> str:
        """Return a sentence in the sender's language."""
        return self._use.texts.say(key, self.language(update), **values)

    async def reply(
        self, update: Update, text: str, buttons: tuple[tuple[Button, ...], ...] = (), picture: bytes | None = None
    ) -> None:
        """Reply to the command. A reply that cannot be sent is logged: there is nobody to tell."""
        try:
            await self.send(update, text, buttons, picture)
        except TelegramError as error:
            log.warning("reply.failed", error=str(error))

    async def send(
        self, update: Update, text: str, buttons: tuple[tuple[Button, ...], ...] = (), picture: bytes | None = None
    ) -> None:
        """Reply to the command. Raises TelegramError."""
        message = update.effective_message
        if message is None:
            return
        reply_to = MessageId(message.message_id) if message.chat.type != ChatType.PRIVATE else None
        outgoing = Outgoing(text, buttons, topic_id=topic_of(message), reply_to=reply_to, picture=picture)
        bot, chat = bot_of(update), GroupId(message.chat.id)
        sent = await self._alone(bot, message, outgoing)
        if sent is None:
            sent = Posted(await self._post(bot, chat, outgoing))
        if message.chat.type != ChatType.PRIVATE:
            answer = () if sent.message_id is None else (sent.message_id,)
            await self._use.tidying.after_a_while(bot, chat, (MessageId(message.message_id), *answer))

    async def _post(self, bot: BotId, chat: int, message: Outgoing) -> MessageId:
        """Send a message. In private it waits a moment for its turn: else an answer among several would be lost."""
        try:
            return await self._use.telegram.send(bot, chat, message)
        except TelegramUnavailableError as error:
            if chat < 0 or error.retry_after is None or error.retry_after > _WORTH_WAITING_SECONDS:
                raise
            wait = error.retry_after
        await self._use.clock.sleep(wait)
        return await self._use.telegram.send(bot, chat, message)

    async def _alone(self, bot: BotId, message: Message, outgoing: Outgoing) -> Posted | None:
        """Answer so that only who asked sees it, where the group wants that; None where it has to be said to all."""
        chat, asked = GroupId(message.chat.id), message.from_user
        group = self._use.directory.group(bot, chat)
        if group is None or group.policy.prompts is not Prompts.MEMBER or outgoing.picture is not None:
            return None
        if asked is None or message.sender_chat is not None or not self._use.ephemeral.offers_ephemeral(bot, chat):
            return None
        try:
            return await self._use.ephemeral.send_ephemeral(bot, chat, UserId(asked.id), outgoing)
        except TelegramRefusedError as error:
            log.info("reply.not_ephemeral", error=str(error))
            return None

    async def redraw(self, update: Update, shown: Outgoing) -> bool:
        """Show something else in the message that was pressed, whoever sees it; False when it shows what it showed."""
        query = update.callback_query
        if query is None or query.message is None:
            return False
        bot, chat, alone = bot_of(update), GroupId(query.message.chat.id), ephemeral_id_of(query)
        try:
            if alone is None:
                await self._use.presses.edit(bot, chat, MessageId(query.message.message_id), shown)
            else:
                await self._use.ephemeral.edit_ephemeral(bot, chat, UserId(query.from_user.id), alone, shown)
        except TelegramError as error:
            log.info("reply.not_redrawn", error=str(error))
            return False
        return True

    async def take_away(self, update: Update) -> None:
        """Delete the message that was pressed. Raises TelegramError."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        bot, chat, alone = bot_of(update), GroupId(query.message.chat.id), ephemeral_id_of(query)
        if alone is None:
            await self._use.presses.delete_messages(bot, chat, [MessageId(query.message.message_id)])
        else:
            await self._use.ephemeral.delete_ephemeral(bot, chat, UserId(query.from_user.id), alone)

    async def toast(self, update: Update, key: str, **values: str | int) -> None:
        """Answer a press, without words where the key is empty. Whether Telegram takes that changes nothing."""
        if update.callback_query is None:
            return
        text = self._use.texts.toast(key, self.language(update), **values) if key else ""
        try:
            await self._use.presses.answer(bot_of(update), update.callback_query.id, text)
        except TelegramError:
            return

    def used(self, pressed: Handler) -> Handler:
        """Let the message whose button is pressed stay for as long again before it is tidied up."""

        async def checked(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            await pressed(update, context)
            message = update.effective_message
            if message is not None and message.chat.type != ChatType.PRIVATE:
                chat, number = GroupId(message.chat.id), MessageId(message.message_id)
                await self._use.tidying.used(bot_of(update), chat, number)

        return checked

    async def write(self, update: Update, chat: int, message: Outgoing) -> MessageId | None:
        """Say it where it can be said; who has not started the bot in private cannot be written to."""
        try:
            return await self._post(bot_of(update), chat, message)
        except TelegramError as error:
            log.warning("reply.unsaid", error=str(error))
            return None

    async def greeting_over(self, update: Update, group: GroupId) -> None:
        """Take the greeting back from a group that is set up."""
        bot, greeting = bot_of(update), await self._use.tidying.greeting(bot_of(update), group)
        if greeting is not None:
            try:
                await self._use.presses.delete_messages(bot, group, [greeting])
            except TelegramError as error:
                log.info("greeting.stays_a_day", error=str(error))

    def problems(self, update: Update, heading: str, problems: Iterable[Problem]) -> str:
        """List what is missing, one line each."""
        lines = [self.say(update, heading)]
        lines += ["• " + self.say(update, problem.key, **problem.values) for problem in problems]
        return "\n".join(lines)

    def fixes(self, update: Update, problems: Iterable[Problem]) -> tuple[tuple[Button, ...], ...]:
        """Offer the tap that grants what is missing; Telegram merges rights, so nothing the bot has is lost."""
        name, language = update.get_bot().username, self.language(update)
        keys = {problem.key for problem in problems}
        rows: list[tuple[Button, ...]] = []
        if keys & {"setup.bot_not_admin", *(f"setup.missing.{right}" for right in links.IN_GROUP)}:
            rows.append((Button(self._use.texts.toast("setup.fix_button", language), url=links.add_to_group(name)),))
        if keys & {"setup.bot_not_in_channel", "setup.channel_not_found", "setup.unseen_requests"}:
            label = self._use.texts.toast("setup.fix_channel_button", language)
            rows.append((Button(label, url=links.add_to_channel(name)),))
        return tuple(rows)

    async def unprotected(self, update: Update, key: str = "status.off", **values: str | int) -> None:
        """Say what the group lacks, with the button by which its channel is chosen without typing."""
        chat = update.effective_chat
        rows: tuple[tuple[Button, ...], ...] = ()
        if chat is not None and chat.type != ChatType.PRIVATE:
            rows = ((self.choose(update, GroupId(chat.id)),),)
        await self.reply(update, self.say(update, key, **values), rows)

    def choose(self, update: Update, group: GroupId) -> Button:
        """Offer the private chat in which an admin picks the group's channel from a list."""
        label = self._use.texts.toast("onboarding.choose_button", self.language(update))
        return Button(label, url=links.set_up(update.get_bot().username, group), style="primary")

    def for_admins(self, command: Handler, *, otherwise: Handler | None = None, to_look: bool = False) -> Handler:
        """Let only those call `command` who may configure the group; anonymous admins are admins.

        Everybody else calls `otherwise`, or is told who may. An owner's lock does not keep admins from looking.
        """

        async def checked(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            message = update.effective_message
            if message is None:
                return
            if message.chat.type not in {ChatType.GROUP, ChatType.SUPERGROUP}:
                await self.reply(update, self.say(update, "command.group_only"))
                return
            try:
                if await self._may(update, message, to_look=to_look):
                    await command(update, context)
                elif otherwise is not None:
                    await otherwise(update, context)
                else:
                    kept = not to_look and self._use.setup.is_kept(bot_of(update), GroupId(message.chat.id))
                    await self.reply(update, self.say(update, "press.locked" if kept else "command.admins_only"))
            except TelegramUnavailableError as error:
                if self._baskets.is_owed(update):
                    # It was promised that this is done: later, then.
                    raise
                log.warning("command.unavailable", error=str(error))
                await self.reply(update, self.say(update, "command.unavailable"))
            except TelegramRefusedError as error:
                # The bot or the sender has left the group meanwhile: there is nobody to answer.
                log.warning("command.refused", error=str(error))

        return checked

    async def _may(self, update: Update, message: Message, *, to_look: bool) -> bool:
        bot, chat = bot_of(update), GroupId(message.chat.id)
        if is_anonymous_admin(message):
            # Nobody knows whether it is the owner.
            return to_look or not self._use.setup.is_kept(bot, chat)
        if message.from_user is None or message.sender_chat is not None:
            return False
        return await self._use.setup.may_configure(bot, chat, UserId(message.from_user.id), to_look=to_look)


def is_anonymous_admin(message: Message) -> bool:
    """Whether an admin wrote this in the group's own name; Telegram does not tell which one."""
    return message.sender_chat is not None and message.sender_chat.id == message.chat.id
