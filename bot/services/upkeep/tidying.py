"""Commands and their answers leave a group after a while: what has been read is in the way of what is said."""

import structlog

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, GroupId, MessageId
from bot.domain.policy import Policy
from bot.services.groups.directory import Directory
from bot.services.ports.upkeep import Broom

log = structlog.stdlib.get_logger()

_MINUTE = 60.0
# Before Telegram refuses to delete it.
_GREETING_SECONDS = 24 * 3_600.0


class Tidying:
    """Schedules deletions, as the group's admins want it. What cannot be scheduled stays."""

    def __init__(self, *, broom: Broom, directory: Directory) -> None:
        self._broom = broom
        self._directory = directory

    async def after_a_while(self, bot: BotId, chat: GroupId, messages: tuple[MessageId, ...]) -> None:
        """Have messages deleted later."""
        seconds = self._seconds(bot, chat)
        if seconds:
            try:
                await self._broom.delete_later(bot, chat, messages, seconds=seconds)
            except StoreUnavailableError as error:
                log.warning("reply.stays", group=chat, error=str(error))

    async def used(self, bot: BotId, chat: GroupId, message: MessageId) -> None:
        """Leave a message that is to go for as long again: somebody uses it."""
        try:
            await self._broom.keep_for(bot, chat, message, seconds=self._seconds(bot, chat))
        except StoreUnavailableError as error:
            log.warning("panel.goes", group=chat, error=str(error))

    async def greeted(self, bot: BotId, chat: GroupId, message: MessageId) -> None:
        """Have a greeting deleted after a day, if nobody sets the group up before."""
        try:
            await self._broom.delete_later(bot, chat, (message,), seconds=_GREETING_SECONDS)
        except StoreUnavailableError as error:
            log.warning("greeting.stays", group=chat, error=str(error))

    async def greeting(self, bot: BotId, chat: GroupId) -> MessageId | None:
        """Return the greeting that stands in a group; None where there is none, or nobody can say."""
        try:
            return await self._broom.lasting(bot, chat)
        except StoreUnavailableError:
            return None

    def _seconds(self, bot: BotId, chat: GroupId) -> float:
        group = self._directory.group(bot, chat)
        # A group that was never protected has no settings of its own.
        policy = Policy() if group is None else group.policy
        return policy.tidy_minutes * _MINUTE
