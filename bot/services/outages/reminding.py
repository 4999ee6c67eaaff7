"""Tells strangers what to join while PostgreSQL is away: a prompt needs a row that remembers it, this does not."""

from dataclasses import replace

import structlog

from bot.domain.errors import NotReadyError, TelegramError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ProtectedGroup
from bot.domain.intent import OpenCase
from bot.domain.message import Posted
from bot.domain.policy import Prompts
from bot.domain.reminder import Reminder
from bot.services.gate.prompts import reminder
from bot.services.gate.topics import send_in_topic
from bot.services.ports.outages import Outage, Reminders
from bot.services.ports.prompts import EphemeralMessages
from bot.services.ports.runtime import Clock, Journal, Texts
from bot.services.ports.telegram import TelegramMessages

# As often as a group hears it, from all instances together.
_PAUSE_SECONDS = 60.0
_LOOK_SECONDS = 1.0

log = structlog.stdlib.get_logger()


class Reminding:
    """Says it where a message was removed, each time in the place of the last one, and takes it back afterwards."""

    def __init__(
        self,
        *,
        store: Reminders,
        telegram: TelegramMessages,
        ephemeral: EphemeralMessages,
        texts: Texts,
        outage: Outage,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._store = store
        self._telegram = telegram
        self._ephemeral = ephemeral
        self._texts = texts
        self._outage = outage
        self._clock = clock
        self._journal = journal

    async def say(self, stranger: OpenCase, group: ProtectedGroup) -> None:
        """Say what to join, unless that was said a moment ago. A courtesy: nothing depends on it. Never raises."""
        place = (group.bot_id, group.group_id)
        try:
            if not await self._store.take_turn(*place, seconds=_PAUSE_SECONDS):
                return
            before = await self._store.standing(*place)
            await self._store.stands(await self._post(stranger, group))
        except (TelegramError, NotReadyError) as error:
            log.info("outage.not_reminded", group=group.group_id, reason=str(error))
            return
        self._journal.effect("remind_without_ledger", "done")
        for each in before:
            await self._take_back(each)

    async def run(self) -> None:
        """Take back what stands while PostgreSQL is there, until cancelled."""
        while True:
            if not self._outage.away:
                for each in await self._store.left():
                    await self._take_back(each)
            await self._clock.sleep(_LOOK_SECONDS)

    async def _post(self, stranger: OpenCase, group: ProtectedGroup) -> Reminder:
        """Post it as the group has its prompts: for all, or for the stranger only, who reads their own language."""
        bot, chat, user = group.bot_id, group.group_id, stranger.user_id
        if group.policy.prompts is Prompts.MEMBER and self._ephemeral.offers_ephemeral(bot, chat):
            worded = replace(group, language=self._texts.supported(stranger.language))
            message = reminder(worded, stranger.topic_id, self._texts)
            posted = await self._ephemeral.send_ephemeral(bot, chat, user, message)
            return Reminder(bot, chat, posted, user if posted.message_id is None else None)
        message = reminder(group, stranger.topic_id, self._texts)
        return Reminder(bot, chat, Posted(await send_in_topic(self._telegram, bot, chat, message)))

    async def _take_back(self, said: Reminder) -> None:
        """Delete it; what Telegram does not answer about is tried again."""
        posted = said.posted
        try:
            if posted.message_id is not None:
                await self._telegram.delete_messages(said.bot_id, said.group_id, [posted.message_id])
            elif said.user_id is not None and posted.ephemeral_id is not None:
                await self._ephemeral.delete_ephemeral(said.bot_id, said.group_id, said.user_id, posted.ephemeral_id)
        except TelegramUnavailableError:
            return
        except TelegramRefusedError as error:
            # Somebody has deleted it, or their app has forgotten it.
            log.info("outage.reminder_stays", group=said.group_id, description=error.description)
        await self._store.gone(said)
