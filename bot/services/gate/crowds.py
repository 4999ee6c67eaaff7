"""Keeps each group's shared prompt: one message that tells how many wait, while anybody shares it."""

import structlog

from bot.domain.crowd import Crowd
from bot.domain.errors import ChatMovedError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import MessageId
from bot.domain.restriction import PROMPT_LIFE
from bot.services.gate.pauses import LONGEST_PAUSE_SECONDS, after_silence
from bot.services.gate.prompts import shared_prompt
from bot.services.gate.retiring import is_past_deleting, retire
from bot.services.gate.topics import send_in_topic
from bot.services.gate.turns import side_by_side, take_turns
from bot.services.groups.directory import Directory
from bot.services.ports.prompts import Crowds
from bot.services.ports.runtime import Clock, Texts
from bot.services.ports.telegram import TelegramMessages

_BATCH = 50
# What Telegram says when an edit that was not noted had been done.
_AS_IT_IS = "modified"

log = structlog.stdlib.get_logger()


class SharedPrompts:
    """Takes shared prompts that are due under a lease, so that one instance changes each."""

    def __init__(
        self, *, store: Crowds, directory: Directory, telegram: TelegramMessages, texts: Texts, clock: Clock
    ) -> None:
        self._store = store
        self._directory = directory
        self._telegram = telegram
        self._texts = texts
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        await take_turns(self.turn, name="crowds", clock=self._clock)

    async def turn(self) -> None:
        """Bring up to date what is due now."""
        await side_by_side([self._show(crowd) for crowd in await self._store.take(_BATCH)], name="crowds")

    async def _show(self, crowd: Crowd) -> None:
        try:
            message, shown = await self._shown(crowd)
        except TelegramUnavailableError as error:
            await self._store.later(crowd, seconds=after_silence(error, crowd.attempts))
        except TelegramRefusedError as error:
            # The bot may not write there, for now: who shares the prompt is freed by joining all the same.
            log.warning("crowds.refused", group=crowd.group_id, description=error.description)
            await self._store.later(crowd, seconds=LONGEST_PAUSE_SECONDS)
        else:
            await self._store.stands(crowd, message, shown=shown)

    async def _shown(self, crowd: Crowd) -> tuple[MessageId | None, int]:
        """Make the message say how many wait; return where it is and what it says."""
        group = self._directory.group(crowd.bot_id, crowd.group_id)
        if not crowd.waiting or group is None or not group.gating:
            await self._delete(crowd)
            return None, 0
        message = crowd.message_id
        if message is None or self._is_old(crowd) or not await self._edit(crowd, group, message):
            await self._delete(crowd)
            outgoing = shared_prompt(group, crowd.waiting, crowd.topic_id, self._texts)
            message = await send_in_topic(self._telegram, crowd.bot_id, crowd.group_id, outgoing)
        return message, crowd.waiting

    async def _edit(self, crowd: Crowd, group: ProtectedGroup, message: MessageId) -> bool:
        """Change the count; False when the message cannot be changed: somebody has deleted it."""
        if crowd.shown == crowd.waiting:
            return True
        outgoing = shared_prompt(group, crowd.waiting, crowd.topic_id, self._texts)
        try:
            await self._telegram.edit(crowd.bot_id, crowd.group_id, message, outgoing)
        except ChatMovedError:
            raise
        except TelegramRefusedError as error:
            return _AS_IT_IS in error.description.lower()
        return True

    async def _delete(self, crowd: Crowd) -> None:
        if crowd.message_id is None:
            return
        if is_past_deleting(crowd.sent_at, self._clock.now()):
            group = self._directory.group(crowd.bot_id, crowd.group_id)
            text = self._texts.say("prompt.over", self._texts.supported(group.language if group else None))
            await retire(self._telegram, crowd.bot_id, crowd.group_id, crowd.message_id, text)
            return
        try:
            await self._telegram.delete_messages(crowd.bot_id, crowd.group_id, [crowd.message_id])
        except TelegramRefusedError as error:
            log.info("crowds.delete_refused", group=crowd.group_id, description=error.description)

    def _is_old(self, crowd: Crowd) -> bool:
        return crowd.sent_at is not None and crowd.sent_at + PROMPT_LIFE <= self._clock.now()
