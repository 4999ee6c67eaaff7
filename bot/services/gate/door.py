"""Answers requests to join: members of the channels come in, others hear what to join and come in when they have."""

from collections.abc import Sequence

import structlog

from bot.domain.errors import TelegramError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import ChannelId, GroupId, MessageId
from bot.domain.knock import Knock
from bot.domain.membership import Allow, Doubt, Missing, Require
from bot.domain.message import Button, Outgoing
from bot.domain.policy import Enforcement, JoinRequests
from bot.services.gate.pauses import LONGEST_PAUSE_SECONDS, after_silence, doubled
from bot.services.gate.prompts import shorten
from bot.services.gate.sparing import Judgement
from bot.services.gate.turns import side_by_side, take_turns
from bot.services.groups.directory import Directory
from bot.services.ports.door import KnockStore, TelegramDoor
from bot.services.ports.runtime import Clock, Texts

_BATCH = 50
_TITLE_LENGTH = 40

log = structlog.stdlib.get_logger()


class Door:
    """Takes due requests under a lease, so that one instance answers each."""

    def __init__(
        self,
        *,
        store: KnockStore,
        directory: Directory,
        judgement: Judgement,
        telegram: TelegramDoor,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._judgement = judgement
        self._telegram = telegram
        self._texts = texts
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        await take_turns(self.turn, name="door", clock=self._clock)

    async def turn(self) -> None:
        """Answer what is due now. What was answered and not noted is answered again, and refused then."""
        await side_by_side([self._answer(knock) for knock in await self._store.take(_BATCH)], name="door")

    async def _answer(self, knock: Knock) -> None:
        group = self._directory.group(knock.bot_id, knock.group_id)
        if group is None or not answers_requests(group):
            # The group's own admins decide.
            await self._store.done(knock)
            return
        try:
            await self._decide(knock, group)
        except TelegramUnavailableError as error:
            await self._store.later(knock, seconds=after_silence(error, knock.attempts))
        except TelegramRefusedError as error:
            # Answered by somebody else, taken back, or the bot may not invite: nothing is left for it to do.
            log.info("door.refused", group=knock.group_id, description=error.description)
            await self._finish(knock)

    async def _decide(self, knock: Knock, group: ProtectedGroup) -> None:
        verdict, spared = await self._judgement.on(group, knock.user_id)
        expired = self._clock.now() >= knock.expires_at
        if isinstance(verdict, Allow) or (spared is not None and spared.until is None):
            await self._telegram.approve(knock.bot_id, knock.group_id, knock.user_id)
            log.info("door.approved", group=knock.group_id, user=knock.user_id)
            await self._finish(knock)
        elif isinstance(verdict, Doubt):
            # An outage turns nobody away.
            pause = doubled(1.0, knock.attempts, LONGEST_PAUSE_SECONDS)
            await (self._finish(knock) if expired else self._store.later(knock, seconds=pause))
        elif expired:
            # That they were told is the first absence: nobody is turned away on a single one.
            if group.policy.join_requests is JoinRequests.DECLINE and knock.is_told:
                await self._telegram.decline(knock.bot_id, knock.group_id, knock.user_id)
            await self._finish(knock)
        else:
            message = knock.message_id if knock.is_told else await self._tell(knock, group, verdict)
            await self._store.told(knock, message)

    async def _tell(self, knock: Knock, group: ProtectedGroup, verdict: Missing) -> MessageId | None:
        """Say in private what to join, while Telegram lets the bot write; None when it does not."""
        try:
            return await self._telegram.send(knock.bot_id, knock.user_id, self._note(knock, group, verdict.channels))
        except TelegramRefusedError as error:
            log.info("door.not_told", group=knock.group_id, description=error.description)
            return None

    def _note(self, knock: Knock, group: ProtectedGroup, missing: Sequence[ChannelId]) -> Outgoing:
        wanted = [channel for channel in group.channels if channel.channel_id in missing]
        any_will_do = group.policy.require is Require.ANY and len(wanted) > 1
        text = self._texts.say(
            "door.ask_any" if any_will_do else "door.ask",
            knock.language,
            group=group.title,
            channels=", ".join(channel.title for channel in wanted),
        )
        rows = [
            (Button(self._join(knock, channel.title), url=channel.join_url, style="primary"),)
            for channel in wanted
            if channel.join_url
        ]
        return Outgoing(text, tuple(rows), silent=False)

    def _join(self, knock: Knock, title: str) -> str:
        return self._texts.toast("prompt.join_button", knock.language, channel=shorten(title, _TITLE_LENGTH))

    async def _finish(self, knock: Knock) -> None:
        """Forget the request, and take back what was said about it."""
        await self._store.done(knock)
        if knock.message_id is not None:
            try:
                await self._telegram.delete_messages(knock.bot_id, GroupId(knock.user_id), [knock.message_id])
            except TelegramError as error:
                log.info("door.note_stays", error=str(error))


def answers_requests(group: ProtectedGroup) -> bool:
    """Whether requests to join are answered here, or left to the group's admins."""
    policy = group.policy
    return (
        group.gating
        and policy.join_requests is not JoinRequests.LEAVE
        and policy.enforcement is not Enforcement.OBSERVE
    )
