"""Who may write although they are not in the channels: newcomers, who has asked to join, who was there before."""

from bot.domain.errors import TelegramPausedError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.membership import Allow, Doubt, Membership, Missing, Standing, Verdict, judge
from bot.domain.policy import Presence, Spared, spares
from bot.domain.recent import Recent
from bot.services.membership.activity import Activity
from bot.services.membership.verification import Verification
from bot.services.ports.membership import ActivityStore, ChannelRequestStore
from bot.services.ports.runtime import Clock
from bot.services.ports.telegram import TelegramStates

# Who is spared for good is asked about again after this, and earlier when the group's settings change.
_FRESH_SECONDS = 600.0
_LIMIT = 20_000


class Sparing:
    """Looks somebody absent up. Costs nothing where the group's policy spares nobody."""

    def __init__(
        self,
        *,
        store: ActivityStore,
        requests: ChannelRequestStore,
        activity: Activity,
        telegram: TelegramStates,
        clock: Clock,
    ) -> None:
        self._store = store
        self._requests = requests
        self._activity = activity
        self._telegram = telegram
        self._clock = clock
        self._known: Recent[tuple[BotId, GroupId, UserId], tuple[ProtectedGroup, float]] = Recent(_LIMIT)

    async def counted(self, group: ProtectedGroup, user: UserId, standing: Standing) -> Standing:
        """Take channels that somebody has asked to join for joined, while the group lets that count.

        Raises StoreUnavailableError.
        """
        minutes = group.policy.pending_minutes
        if not minutes or Membership.ABSENT not in standing.values():
            return standing
        asked = await self._requests.asked(group.bot_id, user, minutes)
        return {
            channel: Membership.MEMBER if answer is Membership.ABSENT and channel in asked else answer
            for channel, answer in standing.items()
        }

    async def of(self, group: ProtectedGroup, user: UserId, *, arriving: bool = False) -> Spared | None:
        """Decide on somebody who is not in the channels. `arriving`: they come in at this moment.

        Raises StoreUnavailableError, TelegramUnavailableError or TelegramRefusedError.
        """
        if user in group.exempt:
            return Spared(None)
        if not group.policy.spares_by_presence:
            return None
        key = (group.bot_id, group.group_id, user)
        if not arriving and self._remembers(key, group):
            return Spared(None)
        found = await self._look(group, user, arriving=arriving)
        self._known.pop(key, None)
        if found is not None and found.until is None:
            self._known[key] = (group, self._clock.monotonic() + _FRESH_SECONDS)
        return found

    def _remembers(self, key: tuple[BotId, GroupId, UserId], group: ProtectedGroup) -> bool:
        known, until = self._known.get(key, (None, 0.0))
        return known == group and self._clock.monotonic() < until

    async def _look(self, group: ProtectedGroup, user: UserId, *, arriving: bool) -> Spared | None:
        # Who wrote as a member a second ago is known to have done so.
        await self._activity.flush()
        presence, now = await self._store.presence(group.bot_id, group.group_id, user), self._clock.now()
        if arriving and presence.joined_at is None:
            presence = Presence(now, presence.passed_at)
        inside = group.policy.grandfather and await self._is_member(group, user)
        return spares(group.policy, presence, protected_since=group.protected_since, now=now, is_member=inside)

    async def _is_member(self, group: ProtectedGroup, user: UserId) -> bool:
        return (await self._telegram.member_state(group.bot_id, group.group_id, user)).is_member


class Judgement:
    """What stands before a mute: whether somebody is absent, asked of Telegram, and whether it matters here."""

    def __init__(self, *, verification: Verification, sparing: Sparing) -> None:
        self._verification = verification
        self._sparing = sparing

    async def on(self, group: ProtectedGroup, user: UserId) -> tuple[Verdict, Spared | None]:
        """Judge somebody anew, and say whether they are spared if they are absent. Raises as `Sparing.of` does."""
        verdict, spared, _ = await self._judge(group, user)
        return verdict, spared

    async def after_a_pause(self, group: ProtectedGroup, user: UserId) -> tuple[Verdict, Spared | None]:
        """Judge like `on`, for who can wait: raise TelegramPausedError where a pause of Telegram's is all the doubt."""
        verdict, spared, pause = await self._judge(group, user)
        if pause is not None and isinstance(verdict, Doubt):
            raise pause
        return verdict, spared

    async def _judge(
        self, group: ProtectedGroup, user: UserId
    ) -> tuple[Verdict, Spared | None, TelegramPausedError | None]:
        if user in group.exempt:
            return Allow(), None, None
        standing, pause = await self._verification.examine_and_wait(group.bot_id, user, group.channel_ids)
        verdict = judge(await self._sparing.counted(group, user, standing), group.policy.require)
        return verdict, await self._sparing.of(group, user) if isinstance(verdict, Missing) else None, pause
