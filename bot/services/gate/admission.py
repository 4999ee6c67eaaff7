"""Who may speak: what a message, a join or an edit obliges GMBot to do."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from bot.domain.errors import TelegramError
from bot.domain.event import Cause
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, MessageId, TopicId, UserId
from bot.domain.intent import Intent, Observe, OpenCase, Remove
from bot.domain.membership import Allow, Doubt, Missing, Standing, judge
from bot.domain.policy import Enforcement, OnUnknown
from bot.domain.recent import Recent
from bot.domain.restriction import Wanted
from bot.services.gate.sparing import Sparing
from bot.services.groups.directory import Directory
from bot.services.membership.activity import Activity
from bot.services.membership.verification import Verification
from bot.services.ports.runtime import Clock
from bot.services.ports.telegram import TelegramChats

# How long an update waits for its verification; after that the question itself becomes the intent, so that a
# slow API does not hold back the chat's next messages.
PATIENCE_SECONDS = 0.3

# A promoted member is told of by an event; this bounds how long a missed one matters.
_ADMINS_FRESH_SECONDS = 600.0
# Of so many groups.
MOST_GROUPS_REMEMBERED = 10_000
# A channel that is linked anew must not lose posts for long; most of its posts are forwards, which say so themselves.
_LINKED_FRESH_SECONDS = 30.0


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
    language: str | None = None
    """What their app speaks, where Telegram tells."""

    @property
    def arriving(self) -> bool:
        """Whether they came in, rather than said something."""
        return self.message_id is None


@dataclass(frozen=True, slots=True)
class Post:
    """A message in the name of a channel."""

    channel: int
    message_id: MessageId
    automatic: bool
    """Telegram forwarded it from the linked channel by itself."""


class Doorkeeper:
    """Decides on speakers; the deciding is here, the doing is the worker's."""

    def __init__(
        self,
        *,
        directory: Directory,
        activity: Activity,
        verification: Verification,
        sparing: Sparing,
        telegram: TelegramChats,
        clock: Clock,
    ) -> None:
        self._sparing = sparing
        self._directory = directory
        self._activity = activity
        self._verification = verification
        self._telegram = telegram
        self._clock = clock
        self._admins: Recent[tuple[BotId, GroupId], tuple[float, frozenset[UserId]]] = Recent(MOST_GROUPS_REMEMBERED)
        self._linked: Recent[tuple[BotId, GroupId], tuple[float, int | None]] = Recent(MOST_GROUPS_REMEMBERED)

    async def look(self, speaker: Speaker) -> tuple[Admission, tuple[Intent, ...]]:
        """Decide on somebody who spoke or came in. Raises StoreUnavailableError."""
        group = self._directory.group(speaker.bot_id, speaker.group_id)
        if group is None or not group.gating or speaker.user_id in group.exempt:
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
        match judge(standing, group.policy.require):
            case Allow():
                self._activity.seen(speaker.bot_id, speaker.group_id, speaker.user_id)
                return Admission.ADMITTED, ()
            case Missing():
                if await self.is_admin(speaker.bot_id, speaker.group_id, speaker.user_id):
                    return Admission.ADMITTED, ()
                return await self._absent(group, speaker, standing)
            case Doubt():
                if group.on_unknown is OnUnknown.HOLD and speaker.message_id is not None:
                    return Admission.STOPPED, (_case(group, speaker, Wanted.CHECK),)
                return Admission.ADMITTED, ()

    async def _absent(
        self, group: ProtectedGroup, speaker: Speaker, standing: Standing
    ) -> tuple[Admission, tuple[Intent, ...]]:
        verdict = judge(await self._sparing.counted(group, speaker.user_id, standing), group.policy.require)
        if not isinstance(verdict, Missing):
            # They have asked to join, which is not having passed.
            return Admission.ADMITTED, ()
        missing = verdict.channels
        try:
            spared = await self._sparing.of(group, speaker.user_id, arriving=speaker.arriving)
        except TelegramError:
            return Admission.ADMITTED, (_case(group, speaker, Wanted.CHECK),)
        if spared is not None:
            # Whose time runs out is looked at again then.
            again = speaker.arriving and spared.until is not None
            return Admission.ADMITTED, (_case(group, speaker, Wanted.CHECK),) if again else ()
        if group.enforcement is Enforcement.OBSERVE:
            cause = Cause.JOIN if speaker.arriving else Cause.MESSAGE
            who = Observe(speaker.bot_id, speaker.group_id, speaker.user_id, speaker.name, cause, missing)
            return Admission.ADMITTED, (who,)
        return Admission.STOPPED, (_case(group, speaker, Wanted.MUTE, missing=missing),)

    async def look_at_post(self, bot: BotId, group_id: GroupId, post: Post) -> tuple[Admission, tuple[Intent, ...]]:
        """Decide on a post in the name of a channel; when the linked channel is not known, it stays."""
        group = self._directory.group(bot, group_id)
        if group is None or not group.gating or not group.may_be_silenced(post.channel, automatic=post.automatic):
            return Admission.ADMITTED, ()
        try:
            linked = await self._linked_channel(group)
        except TelegramError:
            return Admission.ADMITTED, ()
        if linked == post.channel:
            return Admission.ADMITTED, ()
        return Admission.STOPPED, (Remove(bot, group_id, post.message_id),)

    async def _linked_channel(self, group: ProtectedGroup) -> int | None:
        key, now = (group.bot_id, group.group_id), self._clock.monotonic()
        until, linked = self._linked.get(key, (0.0, None))
        if until < now:
            linked = (await self._telegram.chat(*key)).linked_id
            self._linked[key] = (now + _LINKED_FRESH_SECONDS, linked)
        return linked

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
            known = self._admins[bot, group] = (now + _ADMINS_FRESH_SECONDS, admins)
        return user in known[1]

    def admins_changed(self, bot: BotId, group: GroupId) -> None:
        """Forget the list of admins: an event says that it is out of date."""
        self._admins.pop((bot, group), None)


def _case(group: ProtectedGroup, speaker: Speaker, wanted: Wanted, *, missing: tuple[ChannelId, ...] = ()) -> OpenCase:
    return OpenCase(
        bot_id=speaker.bot_id,
        group_id=speaker.group_id,
        user_id=speaker.user_id,
        user_name=speaker.name,
        language=speaker.language or group.language,
        enforcement=group.enforcement,
        wanted=wanted,
        delete_ids=() if speaker.message_id is None else (speaker.message_id,),
        topic_id=speaker.topic_id,
        sent_at=speaker.sent_at,
        missing=missing,
    )
