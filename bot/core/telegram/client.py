"""The dozen Bot API methods GMBot uses, for every hosted bot."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from telegram import (
    Bot,
    ChatMember,
    ChatPermissions,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyParameters,
)
from telegram.constants import ParseMode

from bot.core.telegram.errors import translated
from bot.core.telegram.members import permissions_to_send
from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ChatInfo
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, UserId
from bot.domain.membership import Membership, membership_of
from bot.domain.message import Button, Outgoing
from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Prior, read_member

# Telegram's words for "this user is not in the chat". Everything else it refuses with says something about the
# bot or the chat, or that it has never met the user, and proves nothing.
_ABSENT_TEXTS = ("member not found", "user not participant", "user_not_participant")


class TelegramClient:
    """Calls Telegram as one of the hosted bots. Raises TelegramUnavailableError or TelegramRefusedError."""

    def __init__(self, bots: Mapping[BotId, Bot]) -> None:
        self._bots = bots

    async def membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        """Ask Telegram. UNKNOWN for anything but a plain answer."""
        try:
            with translated("getChatMember"):
                member = await self._bots[bot].get_chat_member(channel, user)
        except TelegramRefusedError as refusal:
            text = refusal.description.lower()
            return Membership.ABSENT if text in _ABSENT_TEXTS else Membership.UNKNOWN
        except TelegramUnavailableError:
            return Membership.UNKNOWN
        return membership_of(member.status, is_member=bool(getattr(member, "is_member", False)))

    async def member_state(self, bot: BotId, chat: GroupId, user: UserId) -> MemberState:
        """Return one user's state in a chat."""
        with translated("getChatMember"):
            member: ChatMember = await self._bots[bot].get_chat_member(chat, user)
        return read_member(member.to_dict())

    async def administrators(self, bot: BotId, group: GroupId) -> frozenset[UserId]:
        """Return owner and administrators of a group, anonymous ones too."""
        with translated("getChatAdministrators"):
            members = await self._bots[bot].get_chat_administrators(group)
        return frozenset(UserId(member.user.id) for member in members)

    async def chat(self, bot: BotId, reference: str | int) -> ChatInfo:
        """Return what getChat tells."""
        with translated("getChat"):
            info = await self._bots[bot].get_chat(reference)
        return ChatInfo(info.id, str(info.type), info.title or "", info.username, info.invite_link)

    async def invite_link(self, bot: BotId, channel: ChannelId) -> str | None:
        """Make an invite link of the bot's own, leaving everybody else's alone."""
        with translated("createChatInviteLink"):
            return (await self._bots[bot].create_chat_invite_link(channel, name="GMBot")).invite_link

    async def mute(self, bot: BotId, group: GroupId, user: UserId, *, until: datetime) -> None:
        """Take every permission away until then."""
        with translated("restrictChatMember"):
            await self._bots[bot].restrict_chat_member(
                group, user, ChatPermissions.no_permissions(), until_date=until, use_independent_chat_permissions=True
            )

    async def put_back(self, bot: BotId, group: GroupId, user: UserId, prior: Prior | None) -> None:
        """Restore a prior restriction exactly, or all permissions: then the user is a plain member again."""
        allowed = ALL_PERMISSIONS if prior is None else prior.permissions
        with translated("restrictChatMember"):
            await self._bots[bot].restrict_chat_member(
                group,
                user,
                permissions_to_send(allowed),
                until_date=prior.until if prior is not None else None,
                use_independent_chat_permissions=True,
            )

    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None:
        """Delete 1 to 100 messages; one that cannot be deleted makes Telegram refuse them all."""
        if len(messages) == 1:
            with translated("deleteMessage"):
                await self._bots[bot].delete_message(chat, messages[0])
            return
        with translated("deleteMessages"):
            await self._bots[bot].delete_messages(chat, messages)

    async def send(self, bot: BotId, chat: int, message: Outgoing) -> MessageId:
        """Send a message."""
        reply = ReplyParameters(message.reply_to, allow_sending_without_reply=True) if message.reply_to else None
        with translated("sendMessage"):
            sent = await self._bots[bot].send_message(
                chat,
                message.text,
                parse_mode=ParseMode.HTML,
                reply_markup=_keyboard(message.buttons),
                message_thread_id=message.topic_id,
                disable_notification=message.silent,
                reply_parameters=reply,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        return MessageId(sent.message_id)

    async def edit(self, bot: BotId, chat: int, message_id: MessageId, message: Outgoing) -> None:
        """Replace text and buttons of a message the bot sent."""
        with translated("editMessageText"):
            await self._bots[bot].edit_message_text(
                message.text,
                chat,
                message_id,
                parse_mode=ParseMode.HTML,
                reply_markup=_keyboard(message.buttons),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )

    async def answer(self, bot: BotId, press: str, text: str, *, alert: bool = False) -> None:
        """Answer a button press with a toast, or with a box that has to be closed."""
        with translated("answerCallbackQuery"):
            await self._bots[bot].answer_callback_query(press, text, show_alert=alert)

    async def webhook(self, bot: BotId) -> Mapping[str, object]:
        """Return getWebhookInfo."""
        with translated("getWebhookInfo"):
            return (await self._bots[bot].get_webhook_info()).to_dict()

    async def set_webhook(self, bot: BotId, url: str, *, secret: str, allowed: Sequence[str]) -> None:
        """Set the webhook; what waits in Telegram's queue stays there."""
        with translated("setWebhook"):
            await self._bots[bot].set_webhook(
                url, secret_token=secret, allowed_updates=list(allowed), drop_pending_updates=False
            )

    async def delete_webhook(self, bot: BotId) -> None:
        """Remove the webhook; what waits in Telegram's queue stays there."""
        with translated("deleteWebhook"):
            await self._bots[bot].delete_webhook(drop_pending_updates=False)

    async def updates(self, bot: BotId, *, offset: int, seconds: int, allowed: Sequence[str]) -> list[bytes]:
        """Wait for updates from `offset` on, confirming all before it, and return them as JSON.

        Raises PollingConflictError when somebody else has this bot's updates.
        """
        with translated("getUpdates"):
            # The library's own method would parse them all. Telegram takes a method's name in any case; in this one
            # the library does not warn that it has a method of that name.
            updates = await self._bots[bot].do_api_request(
                "getupdates",
                {"offset": offset, "timeout": seconds, "limit": 100, "allowed_updates": list(allowed)},
                read_timeout=seconds + 5,
            )
        return [json.dumps(update).encode() for update in updates if isinstance(update, dict)]


def _keyboard(rows: tuple[tuple[Button, ...], ...]) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(b.text, url=b.url, callback_data=b.data, style=b.style) for b in row] for row in rows]
    )
