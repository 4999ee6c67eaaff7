"""The methods about a bot itself: its menu of commands, its descriptions, the rights it asks for."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    ChatAdministratorRights,
)

from bot.core.telegram.demand import Demand, Priority
from bot.core.telegram.gateway import Gateway
from bot.domain.ids import BotId
from bot.domain.menu import Command

_PATIENCE_SECONDS = 30.0

Result = TypeVar("Result")


class TelegramProfile:
    """Calls Telegram for what nobody waits for. Raises TelegramUnavailableError or TelegramRefusedError."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def set_commands(self, bot: BotId, scope: str, language: str, commands: Sequence[Command]) -> None:
        """Set the menu of one scope in one language."""
        menu = [BotCommand(each.name, each.description) for each in commands]
        await self._call(
            bot,
            "setMyCommands",
            lambda api: api.set_my_commands(menu, scope=BotCommandScope(scope), language_code=language or None),
        )

    async def description(self, bot: BotId) -> str:
        """Return what an empty chat with the bot shows to those whose language has no description of its own."""
        return (await self._call(bot, "getMyDescription", lambda api: api.get_my_description())).description

    async def describe(self, bot: BotId, language: str, *, long: str, short: str) -> None:
        """Describe the bot in one language."""
        code = language or None
        await self._call(bot, "setMyDescription", lambda api: api.set_my_description(long, code))
        await self._call(bot, "setMyShortDescription", lambda api: api.set_my_short_description(short, code))

    async def set_rights(self, bot: BotId, rights: frozenset[str], *, for_channels: bool) -> None:
        """Suggest rights to those who add the bot."""
        asked = administrator_rights(rights)
        await self._call(
            bot,
            "setMyDefaultAdministratorRights",
            lambda api: api.set_my_default_administrator_rights(asked, for_channels=for_channels),
        )

    async def _call(self, bot: BotId, method: str, request: Callable[[Bot], Awaitable[Result]]) -> Result:
        return await self._gateway.call(Demand(bot, method, None, Priority.BULK), request, patience=_PATIENCE_SECONDS)


def administrator_rights(rights: frozenset[str]) -> ChatAdministratorRights:
    """Return these rights and no other."""
    return ChatAdministratorRights(
        is_anonymous=False,
        can_manage_chat="can_manage_chat" in rights,
        can_delete_messages="can_delete_messages" in rights,
        can_manage_video_chats=False,
        can_restrict_members="can_restrict_members" in rights,
        can_promote_members="can_promote_members" in rights,
        can_change_info=False,
        can_invite_users="can_invite_users" in rights,
        can_post_stories=False,
        can_edit_stories=False,
        can_delete_stories=False,
        # Newer than the library, and required.
        api_kwargs={"can_send_welcome_messages": False},
    )
