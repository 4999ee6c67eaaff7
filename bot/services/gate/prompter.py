"""Says what a member has to know in the group: the prompt, and why a message is held."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from bot.domain.crowd import Room
from bot.domain.errors import ChatMovedError, TelegramError, TelegramRefusedError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, EphemeralId, GroupId, MessageId
from bot.domain.message import Outgoing, Posted
from bot.domain.policy import Prompts
from bot.domain.recent import Recent
from bot.domain.restriction import EPHEMERAL_LIFE, Case
from bot.services.gate.prompts import prompt
from bot.services.gate.retiring import retire
from bot.services.gate.topics import send_in_topic
from bot.services.ports.prompts import Bans, EphemeralMessages
from bot.services.ports.runtime import Clock, Texts
from bot.services.ports.telegram import TelegramMessages

# In an outage every message of every unknown member is held; the group hears why once a minute.
_NOTICE_SECONDS = 60.0
_MOST_NOTICES = 10_000
# How many prompts a group may get in a minute before a crowd shares one. Two such minutes may be back to back, and the
# shared one is edited five times: that stays within the 16 of a group's 20 messages that are not for answers.
_OWN_PROMPTS = 5
# Nobody else is disturbed by those that one member sees; whether Telegram counts them is not published.
_EPHEMERAL_PROMPTS = 12
# So many come together before the shared prompt is sent.
_GATHER_SECONDS = 1.0

log = structlog.stdlib.get_logger()


class Prompter:
    """Posts, changes and replaces the bot's own messages."""

    def __init__(
        self,
        *,
        telegram: TelegramMessages,
        ephemeral: EphemeralMessages,
        texts: Texts,
        bans: Bans,
        clock: Clock,
        own_prompts: int = _OWN_PROMPTS,
    ) -> None:
        self._telegram = telegram
        self._bans = bans
        self._ephemeral = ephemeral
        self._own_prompts = own_prompts
        self._texts = texts
        self._clock = clock
        self._notices: Recent[tuple[BotId, GroupId], tuple[float, MessageId | None]] = Recent(_MOST_NOTICES)

    def room(self, case: Case, group: ProtectedGroup) -> Room:
        """Tell how many prompts the group may get in a minute, as this one would be shown."""
        quiet = group.policy.prompts is Prompts.MEMBER and self._ephemeral.offers_ephemeral(case.bot_id, case.group_id)
        return Room(
            places=_EPHEMERAL_PROMPTS if self._is_for_member(case, group) else self._own_prompts,
            gather_seconds=EPHEMERAL_LIFE.total_seconds() if quiet else _GATHER_SECONDS,
        )

    async def post(self, case: Case, group: ProtectedGroup, missing: Sequence[ChannelId]) -> Posted:
        """Post the prompt. Where Telegram does not show it to the member only, it does not stand: the next is for all.

        Raises TelegramUnavailableError, or TelegramRefusedError where all would see it.
        """
        alone = self._is_for_member(case, group)
        message = self._prompt(case, group, missing, alone=alone)
        if not alone:
            return Posted(await send_in_topic(self._telegram, case.bot_id, case.group_id, message))
        try:
            return await self._ephemeral.send_ephemeral(case.bot_id, case.group_id, case.user_id, message)
        except ChatMovedError:
            raise
        except TelegramRefusedError as error:
            log.info("case.prompt_not_ephemeral", case=case.case_id, description=error.description)
            return Posted(ephemeral_id=EphemeralId(0))

    async def retire(self, case: Case, group: ProtectedGroup | None) -> None:
        """Leave one line of a prompt that cannot be deleted any more. Raises as `retire` does."""
        if case.prompt_message_id is not None:
            text = self._texts.say("prompt.over", case.language if group is None else group.language)
            await retire(self._telegram, case.bot_id, case.group_id, case.prompt_message_id, text)

    async def take_back(self, case: Case) -> None:
        """Delete the prompt that only the member sees. Raises TelegramUnavailableError."""
        if not case.prompt_ephemeral_id:
            return
        who = (case.bot_id, case.group_id, case.user_id)
        try:
            await self._ephemeral.delete_ephemeral(*who, case.prompt_ephemeral_id)
        except ChatMovedError:
            raise
        except TelegramRefusedError as error:
            # The member has left, or their app has forgotten it.
            log.info("case.prompt_delete_refused", case=case.case_id, description=error.description)

    def _is_for_member(self, case: Case, group: ProtectedGroup) -> bool:
        """Whether this prompt is tried as one that only the member sees; once it stood in vain, it is not."""
        wanted = group.policy.prompts is Prompts.MEMBER and case.prompt_ephemeral_id is None
        return wanted and self._ephemeral.offers_ephemeral(case.bot_id, case.group_id)

    async def update(self, case: Case, group: ProtectedGroup, missing: Sequence[ChannelId]) -> None:
        """Show what is missing now. Raises TelegramUnavailableError; a refusal leaves the prompt as it is."""
        alone, where = case.prompt_message_id is None, (case.bot_id, case.group_id)
        message = self._prompt(case, group, missing, alone=alone)
        try:
            if case.prompt_message_id is not None:
                await self._telegram.edit(*where, case.prompt_message_id, message)
            elif case.prompt_ephemeral_id is not None:
                await self._ephemeral.edit_ephemeral(*where, case.user_id, case.prompt_ephemeral_id, message)
        except TelegramRefusedError:
            return

    def _prompt(self, case: Case, group: ProtectedGroup, missing: Sequence[ChannelId], *, alone: bool) -> Outgoing:
        """Word it in the group's language, or in the member's where nobody else reads it."""
        if alone:
            group = replace(group, language=self._texts.supported(case.language))
        # Whom it is about was asked about a moment ago.
        banned = self._bans.banned(case.bot_id, case.user_id, missing)
        return prompt(case, group, missing, self._texts, banned)

    async def say_held(self, case: Case, group: ProtectedGroup) -> None:
        """Say that memberships cannot be checked: a courtesy, at most once a minute, replacing the last one."""
        key, now = (case.bot_id, case.group_id), self._clock.monotonic()
        said_at, last = self._notices.get(key, (float("-inf"), None))
        if now - said_at < _NOTICE_SECONDS:
            return
        self._notices[key] = (now, last)
        try:
            text = self._texts.say("hold.notice", group.language)
            sent = await send_in_topic(self._telegram, *key, Outgoing(text, topic_id=case.topic_id))
            self._notices[key] = (now, sent)
            if last is not None:
                await self._telegram.delete_messages(case.bot_id, case.group_id, [last])
        except TelegramError:
            return
