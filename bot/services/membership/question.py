"""One question to Telegram about one membership, remembered unless something newer happened meanwhile."""

from collections.abc import Awaitable, Callable

from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership
from bot.services.ports.membership import MembershipCache
from bot.services.ports.runtime import Clock, Journal

# A question whose answer is overtaken three times is asked about somebody who joins and leaves in a rush.
_ATTEMPTS = 3

Ask = Callable[[BotId, ChannelId, UserId], Awaitable[Membership]]
"""Asks Telegram, never a cache."""


class Questions:
    """Whatever the occasion of a question, an event that comes while it is asked wins against its answer."""

    def __init__(self, *, cache: MembershipCache, ask: Ask, journal: Journal, clock: Clock) -> None:
        self._cache = cache
        self._ask = ask
        self._journal = journal
        self._clock = clock

    async def put(self, bot: BotId, user: UserId, channel: ChannelId, *, occasion: str = "telegram") -> Membership:
        """Ask, and return what holds then. Raises what `ask` raises; `occasion` is only counted."""
        began = self._clock.monotonic()
        for _ in range(_ATTEMPTS):
            generation = await self._cache.begin(bot, user, channel)
            answer = await self._ask(bot, channel, user)
            held: Membership | None = answer
            if answer is not Membership.UNKNOWN:
                held = await self._cache.store(bot, user, channel, answer, generation)
            if held is not None:
                self._journal.verified(held.value, occasion, self._clock.monotonic() - began)
                return held
        return Membership.UNKNOWN
