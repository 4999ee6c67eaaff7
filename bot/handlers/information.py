"""`/start`, `/help` and `/status`."""

from telegram import Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain import links
from bot.domain.ids import GroupId, MessageId, UserId
from bot.domain.message import Button
from bot.handlers.inquiry import Inquiry, meant
from bot.handlers.onboarding import Onboard
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies, is_anonymous_admin
from bot.handlers.settings import Settings
from bot.handlers.usecases import UseCases
from bot.services.groups.policies import OBSERVED_DAYS, PAUSED_BY_ADMIN

_FOR_ADMINS = ("help", "help.stats", "help.doctor", "help.text", "help.more")


class Information:
    """Says what the bot does and how a group stands."""

    def __init__(self, use: UseCases, replies: Replies, onboard: Onboard, settings: Settings) -> None:
        self._use = use
        self._replies = replies
        self._onboard = onboard
        self._settings = settings
        self._inquiry = Inquiry(use, replies)

    async def start(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/start` with the way to set a group up."""
        chat, payload = update.effective_chat, " ".join(context.args or ())
        if chat is None or chat.type != ChatType.PRIVATE:
            if payload != links.ADDED:
                await self.help(update, context)
            elif chat is not None and update.effective_message is not None:
                # The app has sent it for whoever added the bot.
                sent = MessageId(update.effective_message.message_id)
                await self._use.tidying.after_a_while(bot_of(update), GroupId(chat.id), (sent,))
            return
        wanted = links.settings_of(payload)
        if wanted is not None:
            await self._settings.in_private(update, wanted)
            return
        group = links.group_of(payload)
        if group is not None:
            await self._onboard.begin(update, group)
            return
        label = self._use.texts.toast("start.add_button", self._replies.language(update))
        url = links.add_to_group(update.get_bot().username)
        await self._replies.reply(
            update, self._replies.say(update, "start"), ((Button(label, url=url, style="primary"),),)
        )

    async def wrote(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer what is no command in private: a channel for the group that is being set up, or how to begin."""
        if not await self._onboard.wrote(update):
            await self.start(update, context)

    async def help(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/help`: to members of a group with what is theirs, else with everything."""
        keys = () if await self._is_member_only(update) else _FOR_ADMINS
        text = "\n".join(self._replies.say(update, key) for key in (*keys, "help.members"))
        await self._replies.reply(update, f"{self._replies.say(update, 'help.what')}\n\n{text}")

    async def _is_member_only(self, update: Update) -> bool:
        message = update.effective_message
        if message is None or message.chat.type == ChatType.PRIVATE or message.from_user is None:
            return False
        who = (bot_of(update), GroupId(message.chat.id), UserId(message.from_user.id))
        return not is_anonymous_admin(message) and not await self._use.doorkeeper.is_admin(*who)

    async def status(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/status` with what is required and what is missing; about somebody, with what they are in."""
        chat, message = update.effective_chat, update.effective_message
        if chat is None or message is None:
            return
        group, who = self._use.directory.group(bot_of(update), GroupId(chat.id)), meant(message)
        if who is not None and group is not None and group.protected:
            await self._replies.reply(update, await self._inquiry.report(update, group, who))
            return
        status = await self._use.setup.status(bot_of(update), GroupId(chat.id))
        if status is None:
            await self._replies.unprotected(update)
            return
        channels = ", ".join(channel.title for channel in status.group.channels)
        if status.group.paused_reason == PAUSED_BY_ADMIN:
            lines = [self._replies.say(update, "status.paused_by_admin", channels=channels)]
        else:
            key = "status.on" if status.group.gating else "status.paused"
            lines = [self._replies.say(update, key, channels=channels, count=status.muted)]
        observed = await self._use.policies.observed(status.group)
        if observed is not None:
            key = "status.observing" if observed.count else "status.observing_nobody"
            names = ", ".join(observed.names) + ("…" if observed.count > len(observed.names) else "")
            lines.append(self._replies.say(update, key, days=OBSERVED_DAYS, total=observed.count, names=names))
        if status.problems:
            lines.append(self._replies.problems(update, "status.problems", status.problems))
        else:
            lines.append(self._replies.say(update, "status.healthy"))
        await self._replies.reply(update, "\n".join(lines), self._replies.fixes(update, status.problems))
