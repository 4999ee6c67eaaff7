"""`/channels`: those to whom a channel belongs see which groups require it, and decide which may."""

import re
from dataclasses import dataclass
from types import MappingProxyType

from telegram import Chat, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain.consent import Answer, OwnChannel, Use, decides
from bot.domain.errors import TelegramError, TelegramRefusedError
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.message import Button, ChannelPicker, Outgoing
from bot.domain.permissions import MemberState, Role
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases
from bot.services.gate.prompts import shorten
from bot.services.groups.channels import ALLOW, GROUP, MOST_USES, PREFIX, SHOW, VETO, data

__all__ = ["OWN_CHANNEL", "PREFIX", "ChannelOwners"]

OWN_CHANNEL = -1
"""The picker's request for a channel to look at. The numbers of groups that are set up are positive."""

_ASK, _ASK_NOBODY, _OTHER = "y", "n", "o"
_DATA = re.compile(r"c:([sgavyno]):([0-9a-f]{1,13}):([0-9a-f]{1,13})")
_LABEL = 40


@dataclass(frozen=True, slots=True)
class _Press:
    """A press on a panel: by whom, and what about."""

    bot: BotId
    user: UserId
    verb: str
    channel: ChannelId
    group: GroupId


class ChannelOwners:
    """Shows a channel's panel in private. Every press asks Telegram whether its presser is an admin of that channel."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def show(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/channels`."""
        message, user = update.effective_message, update.effective_user
        if message is None or user is None:
            return
        if message.chat.type != ChatType.PRIVATE:
            await self._replies.reply(update, self._replies.say(update, "command.private_only"))
            return
        known = await self._use.channels.known_to(bot_of(update), UserId(user.id))
        if not known:
            await self._offer(update, user.id)
            return
        rows = [(Button(shorten(title, _LABEL), data=data(SHOW, channel)),) for channel, title in known]
        rows.append((Button(self._plain(update, "channels.other_button"), data=data(_OTHER, ChannelId(0))),))
        await self._replies.reply(update, self._replies.say(update, "channels.list"), tuple(rows))

    async def shared(self, update: Update, channel: ChannelId) -> None:
        """Answer a channel that was picked from the list."""
        user = update.effective_user
        if user is None:
            return
        press = _Press(bot_of(update), UserId(user.id), SHOW, channel, GroupId(0))
        page = Outgoing(self._replies.say(update, "press.not_in_channel"))
        try:
            if (await self._standing(press)).is_admin:
                info = await self._use.telegram.chat(press.bot, channel)
                await self._use.channels.given(press.bot, channel, info.title, info.username, press.user)
                card = await self._use.channels.card(press.bot, channel)
                page = page if card is None else self._card(update, card)
        except TelegramError:
            page = Outgoing(self._replies.say(update, "press.unknown"))
        await self._replies.reply(update, page.text, page.buttons)

    async def given(self, update: Update, chat: Chat) -> None:
        """Tell whoever made the bot an admin of a channel what they may decide."""
        if update.effective_user is not None:
            button = Button(self._plain(update, "channels.show_button"), data=data(SHOW, ChannelId(chat.id)))
            text = self._replies.say(update, "channels.given", channel=chat.title or "")
            await self._replies.write(update, update.effective_user.id, Outgoing(text, ((button,),)))

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press on a panel."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        found, bot, user = _DATA.fullmatch(query.data or ""), bot_of(update), UserId(query.from_user.id)
        if found is None or query.message.chat.id != user:
            key = "press.stale"
        else:
            numbers = (-int(found[2], 16), -int(found[3], 16))
            press = _Press(bot, user, found[1], ChannelId(numbers[0]), GroupId(numbers[1]))
            key = await self._act(update, press)
        await self._replies.toast(update, key)

    async def _act(self, update: Update, press: _Press) -> str:
        """Do what the button says, if its presser may; return the toast's key, empty for none."""
        if press.verb == _OTHER:
            await self._offer(update, press.user)
            return ""
        refusal = await self._refusal(press)
        card = None if refusal else await self._use.channels.card(press.bot, press.channel)
        if card is None:
            return refusal or "press.stale"
        key = await self._decide(press, card)
        card = await self._use.channels.card(press.bot, press.channel) or card
        use = next((each for each in card.uses if each.group_id == press.group), None)
        page = self._card(update, card) if use is None else self._group(update, card, use)
        # Where it shows what it showed, what was decided is decided all the same.
        return key if await self._replies.redraw(update, page) else key or "press.unknown"

    async def _decide(self, press: _Press, card: OwnChannel) -> str:
        channels = self._use.channels
        match press.verb:
            case "a" | "v":
                act = channels.allow if press.verb == ALLOW else channels.veto
                done = await act(press.bot, card, press.group, press.user)
                if not done:
                    return "press.stale"
                return "channels.allowed" if press.verb == ALLOW else "channels.vetoed"
            case "y" | "n":
                await channels.set_consent(press.bot, card.channel_id, press.user, consent=press.verb == _ASK)
                return "settings.saved"
            case _:
                return ""

    async def _refusal(self, press: _Press) -> str:
        """Say why the presser may not do this, empty if they may."""
        try:
            standing = await self._standing(press)
        except TelegramError:
            return "press.unknown"
        if not standing.is_admin:
            return "press.not_in_channel"
        return "" if press.verb in {SHOW, GROUP} or decides(standing) else "press.not_channel_owner"

    async def _standing(self, press: _Press) -> MemberState:
        try:
            return await self._use.authority.in_channel(press.bot, press.channel, press.user)
        except TelegramRefusedError:
            return MemberState(Role.LEFT, is_member=False)

    async def _offer(self, update: Update, user: int) -> None:
        """Have the app list the channels of its person: nobody else's are asked about."""
        picker = ChannelPicker(self._plain(update, "channels.pick_button"), OWN_CHANNEL, gives_rights=False)
        await self._replies.write(update, user, Outgoing(self._replies.say(update, "channels.pick"), picker=picker))

    def _card(self, update: Update, card: OwnChannel) -> Outgoing:
        """Show a channel: its groups, and whether new ones have to ask."""
        say = self._replies.say
        lines = [say(update, "channels.card" if card.uses else "channels.card_nobody", channel=card.title), ""]
        lines.append(say(update, "channels.consent_on" if card.consent else "channels.consent_off"))
        if len(card.uses) == MOST_USES:
            lines.append(say(update, "channels.more", total=MOST_USES))
        labels = [f"{_MARKS[each.answer]} {shorten(each.title, _LABEL)}" for each in card.uses]
        rows = [
            (Button(label, data=data(GROUP, card.channel_id, each.group_id)),)
            for label, each in zip(labels, card.uses, strict=True)
        ]
        switch = ("channels.consent_off_button", _ASK_NOBODY) if card.consent else ("channels.consent_on_button", _ASK)
        rows.append((Button(self._plain(update, switch[0]), data=data(switch[1], card.channel_id)),))
        return Outgoing("\n".join(lines), tuple(rows))

    def _group(self, update: Update, card: OwnChannel, use: Use) -> Outgoing:
        """Show what one group has to do with a channel, and what can be decided."""
        say, state = self._replies.say, _state(use)
        lines = [say(update, f"channels.group.{state}", channel=card.title, group=use.title)]
        lines.append(say(update, "channels.joins", count=use.joins))
        allow = Button(
            self._plain(update, "channels.allow_button"),
            data=data(ALLOW, card.channel_id, use.group_id),
            style="success",
        )
        veto = Button(
            self._plain(update, "channels.veto_button"), data=data(VETO, card.channel_id, use.group_id), style="danger"
        )
        decided = {Answer.ALLOWED: (veto,), Answer.VETOED: (allow,)}.get(use.answer, (allow, veto))
        back = Button(self._plain(update, "settings.back_button"), data=data(SHOW, card.channel_id))
        return Outgoing("\n".join(lines), (decided, (back,)))

    def _plain(self, update: Update, key: str) -> str:
        return self._use.texts.toast(key, self._replies.language(update))


_MARKS = MappingProxyType({Answer.NONE: "▫️", Answer.ASKED: "❔", Answer.ALLOWED: "✅", Answer.VETOED: "⛔️"})


def _state(use: Use) -> str:
    if use.answer is Answer.ASKED:
        return "asked"
    if use.answer is Answer.VETOED:
        return "vetoed"
    return "in_use" if use.in_use else "unused"
