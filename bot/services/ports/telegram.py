"""What the services ask of Telegram."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.group import ChatInfo
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, UserId
from bot.domain.message import Outgoing
from bot.domain.permissions import MemberState, Prior


class TelegramStates(Protocol):
    """What a user is in a chat. Raises TelegramUnavailableError or TelegramRefusedError."""

    async def member_state(self, bot: BotId, chat: GroupId, user: UserId, *, urgent: bool = False) -> MemberState:
        """Return a user's state; `urgent` goes before all other work, as what frees somebody does."""
        ...


class TelegramModeration(TelegramStates, Protocol):
    """What is done to a member. Every method raises TelegramUnavailableError or TelegramRefusedError."""

    async def mute(self, bot: BotId, group: GroupId, user: UserId, *, until: datetime) -> None: ...
    async def put_back(self, bot: BotId, group: GroupId, user: UserId, prior: Prior | None) -> None: ...
    async def ban(self, bot: BotId, group: GroupId, user: UserId, *, until: datetime) -> None: ...
    async def unban(self, bot: BotId, group: GroupId, user: UserId) -> None: ...
    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None: ...


class TelegramMessages(Protocol):
    """What the bot says in a chat. Raises as TelegramModeration does."""

    async def send(self, bot: BotId, chat: int, message: Outgoing) -> MessageId: ...
    async def edit(self, bot: BotId, chat: int, message_id: MessageId, message: Outgoing) -> None: ...
    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None: ...


class TelegramChats(Protocol):
    """What set-up asks about chats. Raises as TelegramModeration does."""

    async def chat(self, bot: BotId, reference: str | int) -> ChatInfo: ...
    async def invite_link(self, bot: BotId, channel: ChannelId, name: str) -> str | None: ...
    async def link_works(self, bot: BotId, channel: ChannelId, link: str, name: str) -> bool:
        """Whether a link of the bot's own can be joined by; it is named anew. Raises TelegramUnavailableError."""
        ...

    async def member_state(self, bot: BotId, chat: GroupId, user: UserId) -> MemberState: ...
    async def administrators(self, bot: BotId, group: GroupId) -> frozenset[UserId]: ...
    async def send(self, bot: BotId, chat: int, message: Outgoing) -> MessageId: ...


class Webhooks(Protocol):
    """Telegram's side of a webhook. Raises as TelegramModeration does."""

    async def webhook(self, bot: BotId) -> Mapping[str, object]: ...
    async def set_webhook(
        self, bot: BotId, url: str, *, secret: str, allowed: Sequence[str], connections: int
    ) -> None: ...
    async def delete_webhook(self, bot: BotId) -> None: ...


class UpdateSource(Protocol):
    """Telegram's queue of updates, for polling. Raises as TelegramModeration does, and PollingConflictError."""

    async def updates(self, bot: BotId, *, offset: int, seconds: int, allowed: Sequence[str]) -> list[bytes]: ...


class Presses(Protocol):
    """Answers to inline buttons. Raises as TelegramModeration does."""

    async def answer(self, bot: BotId, press: str, text: str, *, alert: bool = False) -> None: ...
    async def edit(self, bot: BotId, chat: int, message_id: MessageId, message: Outgoing) -> None: ...
    async def delete_messages(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId]) -> None: ...
