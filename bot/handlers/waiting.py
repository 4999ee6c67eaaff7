"""Commands that cannot be carried out while PostgreSQL is away: they are kept, and whoever gave them is told."""

import structlog
from telegram import Update
from telegram.ext import ContextTypes

from bot.domain.errors import StoreUnavailableError, TelegramError
from bot.domain.ids import UpdateId
from bot.domain.intent import KeptUpdate
from bot.handlers.basket import Baskets
from bot.handlers.reading import bot_of
from bot.handlers.replies import Handler, Replies
from bot.handlers.usecases import UseCases

log = structlog.stdlib.get_logger()


class Waiting:
    """Keeps a command instead of failing."""

    def __init__(self, use: UseCases, replies: Replies, baskets: Baskets) -> None:
        self._use = use
        self._replies = replies
        self._baskets = baskets

    def kept(self, command: Handler) -> Handler:
        """Let `command` wait for PostgreSQL where it needs it; it is carried out, and answered, afterwards."""

        async def checked(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
            try:
                await command(update, context)
            except StoreUnavailableError:
                if self._use.commands is None:
                    raise
                bot = bot_of(update)
                waiting = KeptUpdate(
                    f"{bot}:{update.update_id}", bot, UpdateId(update.update_id), self._baskets.body(update)
                )
                kept = await self._use.commands.keep(waiting)
                await self._tell(update, kept=kept)

        return checked

    async def _tell(self, update: Update, *, kept: bool) -> None:
        """Say that the command waits; or that it does not, and this is said or the update is not done."""
        key = "wait.kept" if kept else "wait.full"
        try:
            if update.callback_query is None:
                await self._replies.send(update, self._replies.say(update, key))
            else:
                text = self._use.texts.toast(key, self._replies.language(update))
                await self._use.presses.answer(bot_of(update), update.callback_query.id, text)
        except TelegramError as error:
            if not kept:
                raise StoreUnavailableError("nobody could be told that there is no room") from error
            log.warning("command.not_told", error=str(error))
