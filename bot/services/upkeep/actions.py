"""Work with a due time: what has to be done later, or again, whatever restarts in between."""

from collections import defaultdict
from collections.abc import Sequence

import structlog

from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import BotId, GroupId
from bot.domain.intent import Deletion, EphemeralDeletion, Unban
from bot.domain.permissions import Role
from bot.services.gate.deletions import AT_ONCE
from bot.services.gate.turns import side_by_side, take_turns
from bot.services.ports.prompts import EphemeralMessages
from bot.services.ports.runtime import Clock
from bot.services.ports.telegram import TelegramModeration
from bot.services.ports.upkeep import ActionStore

_BATCH = 200
# A lease lasts 10 s. A call takes at most 2 s and waits 0.4 s for its budget.
_LEASE_YOUNG_SECONDS = 7.0

log = structlog.stdlib.get_logger()


class Actions:
    """Takes due actions under a lease, so that one instance does each."""

    def __init__(
        self, *, store: ActionStore, telegram: TelegramModeration, ephemeral: EphemeralMessages, clock: Clock
    ) -> None:
        self._store = store
        self._telegram = telegram
        self._ephemeral = ephemeral
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled. What was done and not noted is done again: deleting twice deletes once."""
        await take_turns(self._turn, name="actions", clock=self._clock)

    async def _turn(self) -> None:
        until = self._clock.monotonic() + _LEASE_YOUNG_SECONDS
        by_chat: defaultdict[tuple[BotId, GroupId], list[Deletion]] = defaultdict(list)
        single: list[EphemeralDeletion | Unban] = []
        for action in await self._store.take(_BATCH):
            if isinstance(action, Deletion):
                by_chat[action.bot_id, action.chat_id].append(action)
            else:
                single.append(action)
        alone = [self._single(action, until) for action in single]
        together = [self._in_chat(deletions, until) for deletions in by_chat.values()]
        await side_by_side([*alone, *together], name="actions")

    async def _in_chat(self, deletions: Sequence[Deletion], until: float) -> None:
        for start in range(0, len(deletions), AT_ONCE):
            await self._delete(deletions[start : start + AT_ONCE], until)

    async def _single(self, action: EphemeralDeletion | Unban, until: float) -> None:
        if self._clock.monotonic() >= until:
            await self._store.wait([action.action_id], seconds=0)
            return
        who = (action.bot_id, action.chat_id, action.user_id)
        try:
            if isinstance(action, Unban):
                await self._unban(action)
            else:
                await self._ephemeral.delete_ephemeral(*who, action.message_id)
        except TelegramUnavailableError as error:
            await self._unavailable([action.action_id], error)
        except TelegramRefusedError as error:
            # A ban ends by itself, and who has left sees nothing of the chat.
            log.info("action.refused", action=action.action_id, description=error.description)
            await self._store.done([action.action_id])
        else:
            await self._store.done([action.action_id])

    async def _unban(self, action: Unban) -> None:
        """End a ban of ours. Anybody else's, which has another end, stays."""
        who = (action.bot_id, action.chat_id, action.user_id)
        state = await self._telegram.member_state(*who)
        if state.role is Role.BANNED and state.until == action.until:
            await self._telegram.unban(*who)

    async def _unavailable(self, numbers: Sequence[int], error: TelegramUnavailableError) -> None:
        if error.retry_after is None:
            await self._store.failed(numbers, str(error))
        else:
            await self._store.wait(numbers, seconds=error.retry_after)

    async def _delete(self, deletions: Sequence[Deletion], until: float) -> None:
        """Delete messages of one chat together; one that cannot be deleted makes Telegram refuse them all."""
        numbers = [deletion.action_id for deletion in deletions]
        if self._clock.monotonic() >= until:
            await self._store.wait(numbers, seconds=0)
            return
        first = deletions[0]
        messages = list(dict.fromkeys(deletion.message_id for deletion in deletions))
        try:
            await self._telegram.delete_messages(first.bot_id, first.chat_id, messages)
        except TelegramUnavailableError as error:
            await self._unavailable(numbers, error)
        except TelegramRefusedError as error:
            await self._refused(deletions, error, until)
        else:
            await self._store.done(numbers)

    async def _refused(self, deletions: Sequence[Deletion], error: TelegramRefusedError, until: float) -> None:
        if len(deletions) == 1:
            # Gone already, or too old to delete: either way nothing more can be done.
            log.info("action.refused", action=deletions[0].action_id, description=error.description)
            await self._store.done([deletions[0].action_id])
            return
        for deletion in deletions:
            await self._delete([deletion], until)
