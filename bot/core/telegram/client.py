"""The dozen Bot API methods GMBot uses, for every hosted bot."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from telegram import (
    Bot,
    ChatMember,
    ChatPermissions,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    KeyboardButton,
    KeyboardButtonRequestChat,
    LinkPreviewOptions,
    ReplyKeyboardMarkup,
    ReplyParameters,
)
from telegram.constants import ParseMode

from bot.core.telegram.bans import Bans
from bot.core.telegram.demand import Demand, Priority
from bot.core.telegram.gateway import Gateway
from bot.core.telegram.members import permissions_to_send
from bot.core.telegram.profile import administrator_rights
from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ChatInfo
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, UserId
from bot.domain.membership import Membership, membership_of
from bot.domain.menu import CHANNEL_RIGHTS
from bot.domain.message import Button, ChannelPicker, Outgoing
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, read_member

# Telegram's words for "this user is not in the chat". Everything else it refuses with says something about the
# bot or the chat, or that it has never met the user, and proves nothing.
_ABSENT_TEXTS = ("member not found", "user not participant", "user_not_participant")


Result = TypeVar("Result")


class TelegramClient:
    """Calls Telegram as one of the hosted bots. Raises TelegramUnavailableError or TelegramRefusedError.

    Its calls share one priority and one patience: how long a call may wait for the right to start.
    """

    def __init__(self, gateway: Gateway, *, priority: Priority, patience: float, bans: Bans) -> None:
        self._gateway = gateway
        self._bans = bans
        self._priority = priority
        self._patience = patience

    def at(self, priority: Priority, *, patience: float) -> "TelegramClient":
        """Return the same client with another urgency."""
        return TelegramClient(self._gateway, priority=priority, patience=patience, bans=self._bans)

    async def introduce(self, bot: BotId) -> None:
        """Have the bot ask who it is, unless it knows."""
        await self._call(bot, "getMe", None, lambda api: api.initialize())

    async def membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        """Ask Telegram. UNKNOWN for anything but a plain answer, at once where none is to be had."""
        try:
            return await self.ask_membership(bot, channel, user)
        except TelegramUnavailableError:
            return Membership.UNKNOWN

    async def ask_membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        """Ask Telegram. UNKNOWN where it refuses.

        Raises TelegramUnavailableError where it does not answer, or not yet.
        """

        async def ask(api: Bot) -> Membership:
            member = await api.get_chat_member(channel, user)
            self._bans.note(bot, channel, user, banned=member.status == ChatMember.BANNED)
            return membership_of(member.status, is_member=bool(getattr(member, "is_member", False)))

        demand = Demand(bot, "getChatMember", channel, self._priority)
        try:
            return await self._gateway.call(demand, ask, patience=self._patience, channel=channel)
        except TelegramRefusedError as refusal:
            text = refusal.description.lower()
            return Membership.ABSENT if text in _ABSENT_TEXTS else Membership.UNKNOWN

    async def member_state(self, bot: BotId, chat: GroupId, user: UserId, *, urgent: bool = False) -> MemberState:
        """Return one user's state in a chat; `urgent` goes before all other work."""

        async def ask(api: Bot) -> MemberState:
            member: ChatMember = await api.get_chat_member(chat, user)
            return read_member(member.to_dict(recursive=False))

        demand = Demand(bot, "getChatMember", chat, Priority.PRESS if urgent else self._priority)
        return await self._gateway.call(demand, ask, patience=self._patience)

    async def administrators(self, bot: BotId, group: GroupId) -> frozenset[UserId]:
        """Return owner and administrators of a group, anonymous ones too."""

        async def ask(api: Bot) -> frozenset[UserId]:
            members = await api.get_chat_administrators(group)
            return frozenset(UserId(member.user.id) for member in members)

        return await self._call(bot, "getChatAdministrators", group, ask)

    async def chat(self, bot: BotId, reference: str | int) -> ChatInfo:
        """Return what getChat tells."""

        async def ask(api: Bot) -> ChatInfo:
            info = await api.get_chat(reference)
            linked = info.linked_chat_id
            title = info.effective_name or ""
            return ChatInfo(info.id, str(info.type), title, info.username, info.invite_link, linked)

        return await self._call(bot, "getChat", reference, ask)

    async def invite_link(self, bot: BotId, channel: ChannelId, name: str) -> str | None:
        """Make an invite link of the bot's own, leaving everybody else's alone. Its admins see the name."""

        async def make(api: Bot) -> str:
            return (await api.create_chat_invite_link(channel, name=name)).invite_link

        return await self._call(bot, "createChatInviteLink", channel, make)

    async def link_works(self, bot: BotId, channel: ChannelId, link: str, name: str) -> bool:
        """Find out by naming it anew: Telegram has no question for it, and refuses to edit what was revoked."""

        async def edit(api: Bot) -> bool:
            return not (await api.edit_chat_invite_link(channel, link, name=name)).is_revoked

        try:
            return await self._call(bot, "editChatInviteLink", channel, edit)
        except TelegramRefusedError as refusal:
            return "modified" in refusal.description.lower()

    async def mute(self, bot: BotId, group: GroupId, user: UserId, *, until: datetime) -> None:
        """Take every permission away until then."""
        await self._restrict(bot, group, user, ChatPermissions.no_permissions(), until, self._priority)

    async def put_back(self, bot: BotId, group: GroupId, user: UserId, prior: Prior | None) -> None:
        """Restore a prior restriction exactly, or all permissions: then the user is a plain member again."""
        allowed = permissions_to_send(ALL_PERMISSIONS if prior is None else prior.permissions)
        # Whoever the work is for, setting somebody free goes before taking anybody's word away.
        await self._restrict(bot, group, user, allowed, prior.until if prior is not None else None, Priority.PRESS)

    async def ban(self, bot: BotId, group: GroupId, user: UserId, *, until: datetime) -> None:
        """Remove somebody, who may come back after that."""
        await self._call(bot, "banChatMember", group, lambda api: api.ban_chat_member(group, user, until_date=until))

    async def approve(self, bot: BotId, group: GroupId, user: UserId) -> None:
        """Let somebody in who asked."""
        await self._call(bot, "approveChatJoinRequest", group, lambda api: api.approve_chat_join_request(group, user))

    async def decline(self, bot: BotId, group: GroupId, user: UserId) -> None:
        """Turn somebody away who asked."""
        await self._call(bot, "declineChatJoinRequest", group, lambda api: api.decline_chat_join_request(group, user))

    async def unban(self, bot: BotId, group: GroupId, user: UserId) -> None:
        """End a ban; nothing for who is not banned."""
        await self._call(
            bot, "unbanChatMember", group, lambda api: api.unban_chat_member(group, user, only_if_banned=True)
        )

    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None:
        """Delete 1 to 100 messages; one that cannot be deleted makes Telegram refuse them all."""
        if len(messages) == 1:
            await self._call(bot, "deleteMessage", chat, lambda api: api.delete_message(chat, messages[0]))
            return
        await self._call(bot, "deleteMessages", chat, lambda api: api.delete_messages(chat, messages))

    async def send(self, bot: BotId, chat: int, message: Outgoing) -> MessageId:
        """Send a message."""
        reply = ReplyParameters(message.reply_to, allow_sending_without_reply=True) if message.reply_to else None

        async def send_picture(api: Bot) -> MessageId:
            sent = await api.send_photo(
                chat,
                message.picture or b"",
                message.text,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard(message.buttons),
                message_thread_id=message.topic_id,
                disable_notification=message.silent,
                reply_parameters=reply,
            )
            return MessageId(sent.message_id)

        async def send(api: Bot) -> MessageId:
            sent = await api.send_message(
                chat,
                message.text,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard(message.buttons) if message.picker is None else _picker(message.picker),
                message_thread_id=message.topic_id,
                disable_notification=message.silent,
                reply_parameters=reply,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
            return MessageId(sent.message_id)

        if message.picture is not None:
            return await self._call(bot, "sendPhoto", chat, send_picture)
        return await self._call(bot, "sendMessage", chat, send)

    async def edit(self, bot: BotId, chat: int, message_id: MessageId, message: Outgoing) -> None:
        """Replace text and buttons of a message the bot sent, and its picture if there is one."""
        if message.picture is not None:
            media = InputMediaPhoto(message.picture, message.text, parse_mode=ParseMode.HTML)
            await self._call(
                bot,
                "editMessageMedia",
                chat,
                lambda api: api.edit_message_media(media, chat, message_id, reply_markup=keyboard(message.buttons)),
            )
            return
        await self._call(
            bot,
            "editMessageText",
            chat,
            lambda api: api.edit_message_text(
                message.text,
                chat,
                message_id,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard(message.buttons),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            ),
        )

    async def answer(self, bot: BotId, press: str, text: str, *, alert: bool = False) -> None:
        """Answer a button press with a toast, or with a box that has to be closed."""
        await self._call(
            bot, "answerCallbackQuery", None, lambda api: api.answer_callback_query(press, text, show_alert=alert)
        )

    async def webhook(self, bot: BotId) -> Mapping[str, object]:
        """Return getWebhookInfo."""

        async def ask(api: Bot) -> Mapping[str, object]:
            return (await api.get_webhook_info()).to_dict()

        return await self._call(bot, "getWebhookInfo", None, ask)

    async def set_webhook(self, bot: BotId, url: str, *, secret: str, allowed: Sequence[str], connections: int) -> None:
        """Set the webhook; what waits in Telegram's queue stays there."""
        await self._call(
            bot,
            "setWebhook",
            None,
            lambda api: api.set_webhook(
                url,
                secret_token=secret,
                allowed_updates=list(allowed),
                max_connections=connections,
                drop_pending_updates=False,
            ),
        )

    async def delete_webhook(self, bot: BotId) -> None:
        """Remove the webhook; what waits in Telegram's queue stays there."""
        await self._call(bot, "deleteWebhook", None, lambda api: api.delete_webhook(drop_pending_updates=False))

    async def updates(self, bot: BotId, *, offset: int, seconds: int, allowed: Sequence[str]) -> list[bytes]:
        """Wait for updates from `offset` on, confirming all before it, and return them as JSON.

        Raises PollingConflictError when somebody else has this bot's updates.
        """

        async def ask(api: Bot) -> list[bytes]:
            # The library's own method would parse them all. Telegram takes a method's name in any case; in this one
            # the library does not warn that it has a method of that name.
            updates = await api.do_api_request(
                "getupdates",
                {"offset": offset, "timeout": seconds, "limit": 100, "allowed_updates": list(allowed)},
                read_timeout=seconds + 5,
            )
            return [json.dumps(update).encode() for update in updates if isinstance(update, dict)]

        return await self._call(bot, "getUpdates", None, ask)

    async def _restrict(
        self,
        bot: BotId,
        group: GroupId,
        user: UserId,
        allowed: ChatPermissions,
        until: datetime | None,
        priority: Priority,
    ) -> None:
        await self._gateway.call(
            Demand(bot, "restrictChatMember", group, priority),
            lambda api: api.restrict_chat_member(
                group, user, allowed, until_date=until, use_independent_chat_permissions=True
            ),
            patience=self._patience,
        )

    async def _call(
        self, bot: BotId, method: str, chat: int | str | None, request: Callable[[Bot], Awaitable[Result]]
    ) -> Result:
        return await self._gateway.call(Demand(bot, method, chat, self._priority), request, patience=self._patience)


def keyboard(rows: tuple[tuple[Button, ...], ...]) -> InlineKeyboardMarkup | None:
    """Put buttons into Bot API terms; None for none."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(b.text, url=b.url, callback_data=b.data, style=b.style) for b in row] for row in rows]
    )


def _picker(picker: ChannelPicker) -> ReplyKeyboardMarkup:
    may_appoint = CHANNEL_RIGHTS | {"can_promote_members"}
    request = KeyboardButtonRequestChat(
        picker.request_id,
        chat_is_channel=True,
        # Whoever picks must be able to give the bot its right, which is the least one that makes it an admin.
        user_administrator_rights=administrator_rights(may_appoint) if picker.gives_rights else None,
        bot_administrator_rights=administrator_rights(CHANNEL_RIGHTS) if picker.gives_rights else None,
        bot_is_member=None if picker.gives_rights else True,
        request_title=True,
    )
    key = KeyboardButton(picker.text, request_chat=request)
    return ReplyKeyboardMarkup([[key]], resize_keyboard=True, one_time_keyboard=True)
