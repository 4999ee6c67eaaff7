"""Says what a member has to know in the group: the prompt, and why a message is held."""

from collections.abc import Sequence

from bot.domain.errors import TelegramError, TelegramRefusedError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId
from bot.domain.message import Outgoing
from bot.domain.restriction import Case
from bot.services.ban_ports import Bans
from bot.services.ports import Clock, TelegramMessages, Texts
from bot.services.prompts import prompt

# In an outage every message of every unknown member is held; the group hears why once a minute.
_NOTICE_SECONDS = 60.0


class Prompter:
    """Posts, changes and replaces the bot's own messages."""

    def __init__(self, *, telegram: TelegramMessages, texts: Texts, bans: Bans, clock: Clock) -> None:
        self._telegram = telegram
        self._bans = bans
        self._texts = texts
        self._clock = clock
        self._notices: dict[tuple[BotId, GroupId], tuple[float, MessageId | None]] = {}

    async def post(self, case: Case, group: ProtectedGroup, missing: Sequence[ChannelId]) -> MessageId:
        """Post the prompt. Raises TelegramUnavailableError or TelegramRefusedError."""
        return await self._telegram.send(case.bot_id, case.group_id, self._prompt(case, group, missing))

    async def update(self, case: Case, group: ProtectedGroup, missing: Sequence[ChannelId]) -> None:
        """Show what is missing now. Raises TelegramUnavailableError; a refusal leaves the prompt as it is."""
        if case.prompt_message_id is None:
            return
        try:
            message = self._prompt(case, group, missing)
            await self._telegram.edit(case.bot_id, case.group_id, case.prompt_message_id, message)
        except TelegramRefusedError:
            return

    def _prompt(self, case: Case, group: ProtectedGroup, missing: Sequence[ChannelId]) -> Outgoing:
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
            sent = await self._telegram.send(*key, Outgoing(text, topic_id=case.topic_id))
            self._notices[key] = (now, sent)
            if last is not None:
                await self._telegram.delete_messages(case.bot_id, case.group_id, [last])
        except TelegramError:
            return
