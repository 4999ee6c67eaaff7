"""Methods and fields that are newer than the library: the one place that knows them, and whether Telegram does.

Messages that one member sees are Bot API 10.2, in the form of 10.3; queries about who asks to join are 10.1.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from telegram import Bot, LinkPreviewOptions
from telegram.constants import ParseMode

from bot.core.telegram.client import keyboard
from bot.core.telegram.demand import Demand, Priority
from bot.core.telegram.gateway import Gateway
from bot.domain.errors import ChatMovedError, TelegramRefusedError
from bot.domain.ids import BotId, EphemeralId, GroupId, MessageId, UserId
from bot.domain.knock import Ruling
from bot.domain.message import Outgoing, Posted
from bot.domain.recent import Recent

# After a refusal a group's members see ordinary prompts for so long: rights and servers change.
_REFUSED_SECONDS = 3_600.0
_LIMIT = 10_000
# A refusal with one of these in it says something about the member, not about the chat.
_ABOUT_THE_MEMBER = ("participant", "user")

Result = TypeVar("Result")


class Capabilities:
    """What Telegram has refused lately, group by group; learned from its answers, by each instance for itself."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._refused: Recent[tuple[BotId, GroupId], float] = Recent(_LIMIT)

    def offers(self, bot: BotId, group: GroupId) -> bool:
        """Whether it is worth asking."""
        return self._refused.get((bot, group), 0.0) <= self._monotonic()

    def refused(self, bot: BotId, group: GroupId) -> None:
        """Remember a refusal for a while."""
        self._refused[bot, group] = self._monotonic() + _REFUSED_SECONDS


class NewerTelegram:
    """Calls newer methods as one of the hosted bots. Raises TelegramUnavailableError or TelegramRefusedError."""

    def __init__(self, gateway: Gateway, capabilities: Capabilities, *, priority: Priority, patience: float) -> None:
        self._gateway = gateway
        self._capabilities = capabilities
        self._priority = priority
        self._patience = patience

    def offers_ephemeral(self, bot: BotId, group: GroupId) -> bool:
        """Whether Telegram has shown messages to one member in this group, or may."""
        return self._capabilities.offers(bot, group)

    async def send_ephemeral(self, bot: BotId, group: GroupId, user: UserId, message: Outgoing) -> Posted:
        """Send a message that one member sees; a server that ignores who is to see it sends an ordinary one."""

        async def send(api: Bot) -> Posted:
            sent = await api.send_message(
                group,
                message.text,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard(message.buttons),
                message_thread_id=message.topic_id,
                disable_notification=message.silent,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                api_kwargs={"ephemeral_message_parameters": {"receiver_user_id": user}},
            )
            number = sent.api_kwargs.get("ephemeral_message_id")
            if isinstance(number, int):
                return Posted(ephemeral_id=EphemeralId(number))
            return Posted(MessageId(sent.message_id))

        try:
            posted = await self._call(bot, "sendMessage", group, send)
        except ChatMovedError:
            raise
        except TelegramRefusedError as error:
            if not any(word in error.description.lower() for word in _ABOUT_THE_MEMBER):
                self._capabilities.refused(bot, group)
            raise
        if posted.ephemeral_id is None:
            self._capabilities.refused(bot, group)
        return posted

    async def edit_ephemeral(
        self, bot: BotId, group: GroupId, user: UserId, message_id: EphemeralId, message: Outgoing
    ) -> None:
        """Replace text and buttons of a message that one member sees."""
        parameters: dict[str, object] = {
            "chat_id": group,
            "receiver_user_id": user,
            "ephemeral_message_id": message_id,
            "text": message.text,
            "parse_mode": ParseMode.HTML,
            "link_preview_options": LinkPreviewOptions(is_disabled=True),
            "reply_markup": keyboard(message.buttons),
        }
        await self._request(bot, "editEphemeralMessageText", group, parameters)

    async def delete_ephemeral(self, bot: BotId, group: GroupId, user: UserId, message_id: EphemeralId) -> None:
        """Take back a message that one member sees."""
        parameters: dict[str, object] = {
            "chat_id": group,
            "receiver_user_id": user,
            "ephemeral_message_id": message_id,
        }
        await self._request(bot, "deleteEphemeralMessage", group, parameters)

    async def rule(self, bot: BotId, query: str, ruling: Ruling) -> None:
        """Answer a query about who asks to join, within 10 s of it."""
        parameters: dict[str, object] = {"chat_join_request_query_id": query, "result": ruling.value}
        await self._request(bot, "answerChatJoinRequestQuery", None, parameters)

    async def _request(self, bot: BotId, method: str, chat: GroupId | None, parameters: dict[str, object]) -> None:
        given = {name: value for name, value in parameters.items() if value is not None}

        async def request(api: Bot) -> None:
            await api.do_api_request(method, api_kwargs=given)

        await self._call(bot, method, chat, request)

    async def _call(
        self, bot: BotId, method: str, chat: GroupId | None, request: Callable[[Bot], Awaitable[Result]]
    ) -> Result:
        return await self._gateway.call(Demand(bot, method, chat, self._priority), request, patience=self._patience)
