"""Renews memberships before they expire, so that a member who keeps talking never waits for a question."""

import asyncio

from bot.domain.ids import BotId, ChannelId, UserId
from bot.services.membership.verification import Verification
from bot.services.ports.membership import MembershipCache
from bot.services.ports.runtime import Clock

# A membership is due for minutes; half a second more or less is nothing, and many looks become one question.
_TURN_SECONDS = 0.5
# Nobody waits for these questions, so a few at a time are enough: 160 a second when Telegram takes 50 ms.
AT_ONCE = 8
# A channel that Telegram did not tell about is left alone for a while; memberships go on until their end.
REST_SECONDS = 10.0
_MOST_RESTING = 1_000


class Renewal:
    """Asks about what is due. The lives of memberships are spread, and so is the end of each: there is no rush."""

    def __init__(self, *, cache: MembershipCache, verification: Verification, clock: Clock) -> None:
        self._cache = cache
        self._verification = verification
        self._clock = clock
        self._resting: dict[tuple[BotId, ChannelId], float] = {}

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await self._clock.sleep(_TURN_SECONDS)
            await self.turn()

    async def turn(self) -> None:
        """Renew what is due now."""
        while due := self._cache.take_due(AT_ONCE):
            await asyncio.gather(*(self._renew(*membership) for membership in due))

    async def _renew(self, bot: BotId, channel: ChannelId, user: UserId) -> None:
        now = self._clock.monotonic()
        if self._resting.get((bot, channel), now) > now:
            return
        if not await self._verification.renew(bot, user, channel):
            if len(self._resting) >= _MOST_RESTING:
                self._resting = {channel: until for channel, until in self._resting.items() if until > now}
            self._resting[bot, channel] = now + REST_SECONDS
