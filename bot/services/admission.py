"""Who may speak: what a message, a join or an edit obliges GMBot to do."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from bot.domain.errors import TelegramError
from bot.domain.group import OnUnknown, ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, TopicId, UserId
from bot.domain.intent import Intent, OpenCase
from bot.domain.membership import Allow, Doubt, Missing, Standing, judge
from bot.domain.restriction import Wanted
from bot.services.activity import Activity
from bot.services.directory import Directory
from bot.services.ports import Clock, TelegramChats
from bot.services.verification import Verification

# How long an update waits for its verification; after that the question itself becomes the intent, so that a
# slow API does not hold back the chat's next messages.
PATIENCE_SECONDS = 0.3

# A promoted member is told of by an event; this bounds how long a missed one matters.
_ADMINS_FRESH_SECONDS = 600.0
# Of so many groups; the list that was asked for first is forgotten first.
MOST_GROUPS_REMEMBERED = 10_000


class Admission(Enum):
    """Whether the rest of the update may be handled."""

    ADMITTED = "admitted"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who spoke in, or entered, a group."""

    bot_id: BotId
    group_id: GroupId
    user_id: UserId
    name: str
    message_id: MessageId | None = None
    topic_id: TopicId | None = None
    sent_at: datetime | None = None


class Doorkeeper:
    """Decides on speakers; the deciding is here, the doing is the worker's."""

    def __init__(
        self,
        *,
        directory: Directory,
        activity: Activity,
        verification: Verification,
        telegram: TelegramChats,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._activity = activity
        self._verification = verification
        self._telegram = telegram
        self._clock = clock
        self._admins: dict[tuple[BotId, GroupId], tuple[float, frozenset[UserId]]] = {}

    async def look(self, speaker: Speaker) -> tuple[Admission, tuple[Intent, ...]]:
        """Decide on somebody who spoke or came in. Raises StoreUnavailableError."""
        group = self._directory.group(speaker.bot_id, speaker.group_id)
        if group is None or not group.gating:
            return Admission.ADMITTED, ()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                standing = await self._verification.standing(speaker.bot_id, speaker.user_id, group.channel_ids)
                return await self._decide(group, speaker, standing)
        except TimeoutError:
            return Admission.ADMITTED, (_case(group, speaker, Wanted.CHECK),)

    async def _decide(
        self, group: ProtectedGroup, speaker: Speaker, standing: Standing
    ) -> tuple[Admission, tuple[Intent, ...]]:
        match judge(standing):
            case Allow():
                self._activity.sighted(speaker.bot_id, speaker.group_id, speaker.user_id)
                return Admission.ADMITTED, ()
            case Missing(channels):
                if await self.is_admin(speaker.bot_id, speaker.group_id, speaker.user_id):
                    return Admission.ADMITTED, ()
                return Admission.STOPPED, (_case(group, speaker, Wanted.MUTE, missing=channels),)
            case Doubt():
                if group.on_unknown is OnUnknown.HOLD and speaker.message_id is not None:
                    return Admission.STOPPED, (_case(group, speaker, Wanted.CHECK),)
                return Admission.ADMITTED, ()

    async def is_admin(self, bot: BotId, group: GroupId, user: UserId) -> bool:
        """Whether the user is an admin of the group, from a list at most ten minutes old.

        When Telegram does not say, the answer is no: the worker asks about this one user before it mutes.
        """
        now = self._clock.monotonic()
        known = self._admins.get((bot, group))
        if known is None or known[0] < now:
            try:
                admins = await self._telegram.administrators(bot, group)
            except TelegramError:
                return known is not None and user in known[1]
            known = (now + _ADMINS_FRESH_SECONDS, admins)
            self._remember(bot, group, known)
        return user in known[1]

    def _remember(self, bot: BotId, group: GroupId, known: tuple[float, frozenset[UserId]]) -> None:
        self._admins.pop((bot, group), None)
        self._admins[bot, group] = known
        if len(self._admins) > MOST_GROUPS_REMEMBERED:
            del self._admins[next(iter(self._admins))]

    def admins_changed(self, bot: BotId, group: GroupId) -> None:
        """Forget the list of admins: an event says that it is out of date."""
        self._admins.pop((bot, group), None)


def _case(group: ProtectedGroup, speaker: Speaker, wanted: Wanted, *, missing: tuple[ChannelId, ...] = ()) -> OpenCase:
    return OpenCase(
        bot_id=speaker.bot_id,
        group_id=speaker.group_id,
        user_id=speaker.user_id,
        user_name=speaker.name,
        language=group.language,
        enforcement=group.enforcement,
        wanted=wanted,
        delete_ids=() if speaker.message_id is None else (speaker.message_id,),
        topic_id=speaker.topic_id,
        sent_at=speaker.sent_at,
        missing=missing,
    )
