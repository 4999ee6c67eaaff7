"""From the bot's arrival in a group to a protected group, without a command to type."""

import re
from collections.abc import Collection, Iterable

import structlog
from telegram import Chat, ChatMemberUpdated, Message, MessageOriginChannel, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain import links
from bot.domain.errors import GateTakenError, TelegramError, TelegramUnavailableError
from bot.domain.group import SetUp
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, UserId
from bot.domain.message import Button, ChannelPicker, Outgoing
from bot.domain.permissions import MemberState, read_member
from bot.domain.policy import Enforcement, needed_in_group
from bot.handlers.channels import OWN_CHANNEL, ChannelOwners
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases
from bot.services.gate.prompts import preview
from bot.services.groups.onboarding import Choice, Done, How, Refused
from bot.services.groups.rights import missing_in_group

log = structlog.stdlib.get_logger()

PREFIX = "o:"
_UNDO, _MORE, _PREVIEW, _CANCEL = "u", "m", "n", "c"
_DATA = re.compile(r"o:([umncra]):([0-9]{1,9})")
_NAMED = re.compile(r"@\w+|(?:https?://)?t\.me/\w+|-100\d{5,16}")

Rows = tuple[tuple[Button, ...], ...]


class Onboard:
    """Greets in the group, lets the admin pick the channel in private, and shows what came of it."""

    def __init__(self, use: UseCases, replies: Replies, owners: ChannelOwners) -> None:
        self._use = use
        self._replies = replies
        self._owners = owners

    async def arrived(self, update: Update, change: ChatMemberUpdated) -> None:
        """Answer a change of the bot's own membership: greet a group it came into, use a channel it was given."""
        old, new = read_member(change.old_chat_member.to_dict()), read_member(change.new_chat_member.to_dict())
        if change.chat.type == ChatType.CHANNEL:
            if new.is_admin and not old.is_admin:
                await self._given(update, change.chat)
            return
        bot, chat = bot_of(update), GroupId(change.chat.id)
        group = self._use.directory.group(bot, chat)
        if not new.is_member or (group is not None and group.protected):
            return
        if not old.is_member:
            sent = await self._replies.write(update, chat, await self._greeting(update, change, new))
            if sent is not None:
                await self._use.tidying.greeted(bot, chat, sent)
            return
        stands = await self._use.tidying.greeting(bot, chat)
        if stands is not None:
            await self._redraw(bot, chat, stands, await self._greeting(update, change, new))

    async def _redraw(self, bot: BotId, chat: GroupId, message: MessageId, shown: Outgoing) -> None:
        try:
            await self._use.presses.edit(bot, chat, message, shown)
        except TelegramError as error:
            # It shows this already, or somebody has deleted it.
            log.info("greeting.unchanged", error=str(error))

    async def _greeting(self, update: Update, change: ChatMemberUpdated, new: MemberState) -> Outgoing:
        """Name what is left to do, and the rights that the bot lacks, if any."""
        basic = change.chat.type == ChatType.GROUP
        enforcement = Enforcement.DELETE if basic else Enforcement.MUTE
        # Rights often come a moment after the arrival: what counts is what the bot has now.
        missing = missing_in_group(await self._own_state(update, GroupId(change.chat.id), new), enforcement)
        name = update.get_bot().username
        rows = [(self._replies.choose(update, GroupId(change.chat.id)),)]
        lines = [self._replies.say(update, "onboarding.welcome", group=change.chat.title or "")]
        if missing:
            needed = needed_in_group(enforcement)
            held = () if missing.not_admin else set(needed) - set(missing.rights)
            lines.append(self._rights(update, needed, held))
            rows.insert(0, (self._link(update, "setup.fix_button", links.add_to_group(name)),))
        if basic:
            lines.append(self._replies.say(update, "onboarding.basic"))
        return Outgoing("\n\n".join(lines), tuple(rows))

    async def _own_state(self, update: Update, group: GroupId, told: MemberState) -> MemberState:
        bot = bot_of(update)
        try:
            return await self._use.telegram.member_state(bot, group, UserId(bot))
        except TelegramError:
            return told

    async def begin(self, update: Update, group: GroupId) -> None:
        """Answer `/start` with a group in it: offer the channels of whoever came."""
        user = update.effective_user
        if user is None:
            return
        begun = await self._use.onboarding.begin(bot_of(update), UserId(user.id), group)
        if isinstance(begun, Refused):
            await self._refused(update, begun)
        else:
            await self._offer(update, begun)

    async def shared(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer the channel that an admin picked from the list."""
        message, user = update.effective_message, update.effective_user
        if message is None or user is None or message.chat_shared is None:
            return
        picked = message.chat_shared
        if picked.request_id == OWN_CHANNEL:
            await self._owners.shared(update, ChannelId(picked.chat_id))
            return
        set_up = await self._use.onboarding.get(bot_of(update), UserId(user.id), picked.request_id)
        if set_up is None:
            await self._replies.reply(update, self._replies.say(update, "press.stale"))
            return
        await self._pick(update, set_up, ChannelId(picked.chat_id))

    async def wrote(self, update: Update) -> bool:
        """Take a channel that is named, linked to or forwarded from in private; False for anything else."""
        message, user = update.effective_message, update.effective_user
        reference = None if message is None else _reference(message)
        if user is None or reference is None:
            return False
        set_up = await self._use.onboarding.latest(bot_of(update), UserId(user.id))
        if set_up is None:
            return False
        try:
            channel = await self._use.onboarding.find(set_up, reference)
        except TelegramUnavailableError:
            await self._replies.reply(update, self._replies.say(update, "command.unavailable"))
            return True
        if isinstance(channel, Refused):
            await self._refused(update, channel)
        else:
            # What was picked before is named again where the first try was refused: it is no pick told twice.
            await self._pick(update, set_up, channel, How.ADD if channel == set_up.picked else None)
        return True

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a button below what came of a pick."""
        query = update.callback_query
        if query is None:
            return
        data = _DATA.fullmatch(query.data or "")
        number = 0 if data is None else int(data[2])
        set_up = await self._use.onboarding.get(bot_of(update), UserId(query.from_user.id), number)
        try:
            key = "press.stale" if data is None or set_up is None else await self._act(update, set_up, data[1])
        except TelegramError:
            key = "press.unknown"
        await self._replies.toast(update, key)

    async def _act(self, update: Update, set_up: SetUp, verb: str) -> str:
        """Do what the button says; return the toast's key, empty for none."""
        toast = ""
        if verb == _CANCEL:
            toast = "onboarding.cancelled"
        elif verb == _MORE:
            await self.begin(update, set_up.group_id)
        elif verb == _PREVIEW:
            toast = await self._preview(update, set_up)
        elif verb == _UNDO:
            toast = await self._undo(update, set_up)
        elif set_up.picked is not None:
            await self._pick(update, set_up, set_up.picked, How(verb))
        return toast

    async def _undo(self, update: Update, set_up: SetUp) -> str:
        refused = await self._use.onboarding.undo(set_up, self._replies.language(update))
        if refused is None:
            return "onboarding.undone"
        await self._refused(update, refused)
        return ""

    async def _given(self, update: Update, chat: Chat) -> None:
        """Use a channel that the bot was made an admin of while its admin sets a group up; else say what it is for."""
        user = update.effective_user
        if user is None:
            return
        bot, channel, giver = bot_of(update), ChannelId(chat.id), UserId(user.id)
        await self._use.channels.given(bot, channel, chat.title or "", chat.username, giver)
        set_up = await self._use.onboarding.latest(bot, giver)
        if set_up is not None and set_up.picked is None:
            await self._pick(update, set_up, channel)
        else:
            await self._owners.given(update, chat)

    async def _pick(self, update: Update, set_up: SetUp, channel: ChannelId, how: How | None = None) -> None:
        language = self._replies.language(update)
        try:
            outcome = await self._use.onboarding.pick(set_up, channel, language, how)
        except GateTakenError:
            await self._replies.write(update, set_up.user_id, Outgoing(self._replies.say(update, "protect.taken")))
            return
        match outcome:
            case Refused():
                await self._refused(update, outcome)
            case Choice():
                await self._choose(update, outcome)
            case Done():
                await self._done(update, outcome)
            case None:
                return

    async def _offer(self, update: Update, set_up: SetUp) -> None:
        """Show the list of channels. Where an app has none, the link and the command lead to the same end."""
        url = links.add_to_channel(update.get_bot().username)
        text = self._replies.say(update, "onboarding.pick", group=set_up.title, url=url)
        label = self._use.texts.toast("onboarding.pick_button", self._replies.language(update))
        message = Outgoing(text, picker=ChannelPicker(label, set_up.set_up_id))
        await self._replies.write(update, set_up.user_id, message)

    async def _choose(self, update: Update, choice: Choice) -> None:
        required = ", ".join(channel.title for channel in choice.group.channels)
        text = self._replies.say(
            update, "onboarding.already", group=choice.group.title, channels=required, channel=choice.channel.title
        )
        number = choice.set_up.set_up_id
        rows = (
            (
                self._button(update, "onboarding.replace_button", How.REPLACE.value, number),
                self._button(update, "onboarding.add_button", How.ADD.value, number),
            ),
            (self._button(update, "onboarding.cancel_button", _CANCEL, number),),
        )
        await self._replies.write(update, choice.set_up.user_id, Outgoing(text, rows))

    async def _done(self, update: Update, done: Done) -> None:
        channels = ", ".join(channel.title for channel in done.group.channels)
        needed = needed_in_group(done.group.enforcement)
        lines = [
            self._replies.say(update, "onboarding.done", group=done.group.title, channels=channels),
            self._rights(update, needed, needed),
            "\n".join(
                "✅ " + self._replies.say(update, "right.channel_admin", channel=channel.title)
                for channel in done.group.channels
            ),
        ]
        if done.group.policy.enforcement is Enforcement.OBSERVE:
            lines.append(self._replies.say(update, "doctor.observes"))
        if done.group.basic_group:
            lines.append(self._replies.say(update, "onboarding.basic"))
        number = done.set_up.set_up_id
        rows = (
            (
                self._button(update, "onboarding.preview_button", _PREVIEW, number),
                self._button(update, "onboarding.more_button", _MORE, number),
            ),
            (
                Button(
                    self._use.texts.toast("onboarding.settings_button", self._replies.language(update)),
                    url=links.settings(update.get_bot().username, done.group.group_id),
                ),
                self._button(update, "onboarding.undo_button", _UNDO, number),
            ),
        )
        await self._replies.write(update, done.set_up.user_id, Outgoing("\n".join(lines), rows))
        await self._replies.greeting_over(update, done.group.group_id)
        told = self._use.texts.say("protect.done", done.group.language, channels=channels)
        await self._replies.write(update, done.group.group_id, Outgoing(told))

    async def _preview(self, update: Update, set_up: SetUp) -> str:
        """Send what a newcomer is shown, without the button that would check them."""
        user = update.effective_user
        group = self._use.directory.group(set_up.bot_id, set_up.group_id)
        if group is None or not group.protected or user is None:
            return "press.stale"
        shown = preview(group, set_up.user_id, user.full_name, self._use.texts)
        await self._replies.write(update, set_up.user_id, shown)
        return ""

    async def _refused(self, update: Update, refused: Refused) -> None:
        user = update.effective_user
        if user is None:
            return
        only = refused.problems[0] if len(refused.problems) == 1 and refused.set_up is None else None
        if only is not None:
            await self._replies.write(update, user.id, Outgoing(self._replies.say(update, only.key, **only.values)))
            return
        text = self._replies.problems(update, "protect.problems", refused.problems)
        await self._replies.write(update, user.id, Outgoing(text, self._fixes(update, refused)))

    def _fixes(self, update: Update, refused: Refused) -> Rows:
        rows = self._replies.fixes(update, refused.problems)
        if refused.set_up is None:
            return rows
        return (*rows, (self._button(update, "onboarding.again_button", _MORE, refused.set_up.set_up_id),))

    def _rights(self, update: Update, needed: Iterable[str], held: Collection[str]) -> str:
        """Say right by right what the bot has and what it lacks."""
        return "\n".join(
            ("✅ " if right in held else "❌ ") + self._replies.say(update, f"right.{right}") for right in needed
        )

    def _link(self, update: Update, key: str, url: str) -> Button:
        return Button(self._use.texts.toast(key, self._replies.language(update)), url=url, style="primary")

    def _button(self, update: Update, key: str, verb: str, number: int) -> Button:
        label = self._use.texts.toast(key, self._replies.language(update))
        return Button(label, data=f"{PREFIX}{verb}:{number}")


def _reference(message: Message) -> str | None:
    """Read which channel a message is about: one that it is forwarded from, or whose name or link it is."""
    if isinstance(message.forward_origin, MessageOriginChannel):
        channel = message.forward_origin.chat
        return f"@{channel.username}" if channel.username else str(channel.id)
    text = (message.text or "").strip()
    return text if _NAMED.fullmatch(text) else None
