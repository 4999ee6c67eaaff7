"""Whose a bot is: people who see and run that bot alone, besides the operators of the whole deployment."""

from collections.abc import Sequence

from bot.domain.errors import InvalidInputError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import Operator, Rank
from bot.services.ports.access import OwnerBook

_LARGEST = 2**53


class OwnerDesk:
    """Names owners of bots. They come in by `/console` to any bot of the deployment, and see their own bots only."""

    def __init__(self, *, book: OwnerBook) -> None:
        self._book = book

    async def owners(self, who: Operator, bot: BotId) -> Sequence[UserId]:
        """Return whose the bot is, the first one first."""
        who.need(Rank.VIEWER, bot)
        return await self._book.owners_of_bot(bot)

    async def add(self, who: Operator, bot: BotId, user: int) -> bool:
        """Let somebody see and run the bot; False when they may already. Raises NotHostedError."""
        self._need_all(who, bot)
        if not 0 < user < _LARGEST:
            raise InvalidInputError("user", "an owner is named by their Telegram id, a number above zero")
        return await self._book.add_owner(bot, UserId(user), who.actor)

    async def remove(self, who: Operator, bot: BotId, user: int) -> bool:
        """Take the bot from somebody, from their next request on; False when it was not theirs."""
        self._need_all(who, bot)
        return await self._book.drop_owner(bot, UserId(user), who.actor)

    def _need_all(self, who: Operator, bot: BotId) -> None:
        who.need(Rank.OWNER, bot)
        # Who was given one bot gives it to nobody else: whoever gave it would not know any more whose it is.
        who.need_all(Rank.OWNER, "only an operator of the whole deployment names owners")
