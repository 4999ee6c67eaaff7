"""Heals what was missed: Telegram forgets updates after a day, and an instance may have been away for longer."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from bot.domain.errors import StoreUnavailableError, TelegramError
from bot.domain.ids import BotId
from bot.services.groups.directory import Directory
from bot.services.ports.runtime import Clock, Leader, StillMine
from bot.services.ports.upkeep import Reviews

_PURPOSE = 0x67_72_65_63  # "grec"
# What waits in Telegram's queue tells the same for nothing: it comes first.
_START_SECONDS = 2.0
_ROUND_SECONDS = 6 * 3600.0
_CHECK_SECONDS = 60.0
_RETRY_SECONDS = 5.0

# The budget: each second at most these cases, which cost a call per required channel and one for the group, and one
# chat, which costs one. Cases that get no answer count until they do, so a flood slows a round down to nothing.
_TURN_SECONDS = 1.0
CASES_PER_TURN = 2
MOST_UNDER_REVIEW = 20

LookAtRights = Callable[[BotId, int], Awaitable[None]]
"""Asks for the bot's rights in a chat, and pauses or resumes what depends on them."""

log = structlog.stdlib.get_logger()


class Reconciliation:
    """Has the open cases and the bot's own rights compared with Telegram, one instance at a time.

    It only asks for the comparison: the worker makes it, case by case, as it does all work on cases.
    """

    def __init__(
        self,
        *,
        reviews: Reviews,
        rights: LookAtRights,
        directory: Directory,
        leader: Leader,
        clock: Clock,
    ) -> None:
        self._reviews = reviews
        self._rights = rights
        self._directory = directory
        self._leader = leader
        self._clock = clock

    async def run(self) -> None:
        """Make a round at the start of every turn as the leader, and then one each six hours, until cancelled."""
        while True:
            try:
                async with self._leader.held(_PURPOSE, 0) as still_mine:
                    while True:
                        await self._round(still_mine)
                        await self._rest(still_mine)
            except StoreUnavailableError as error:
                log.warning("reconciliation.interrupted", error=str(error))
            await self._clock.sleep(_RETRY_SECONDS)

    async def _rest(self, still_mine: StillMine) -> None:
        until = self._clock.monotonic() + _ROUND_SECONDS
        while self._clock.monotonic() < until:
            await self._clock.sleep(_CHECK_SECONDS)
            await still_mine()

    async def _round(self, still_mine: StillMine) -> None:
        started, chats, cases = await self._reviews.now(), list(self._directory.chats()), 0
        await self._clock.sleep(_START_SECONDS)
        while True:
            await still_mine()
            if chats:
                await self._look(*chats.pop())
            picked = await self._pick(started)
            cases += picked or 0
            if not chats and picked == 0:
                break
            await self._clock.sleep(_TURN_SECONDS)
        log.info("reconciliation.done", cases=cases)

    async def _look(self, bot: BotId, chat: int) -> None:
        try:
            await self._rights(bot, chat)
        except TelegramError as error:
            log.info("reconciliation.chat_skipped", chat=chat, error=str(error))

    async def _pick(self, started: datetime) -> int | None:
        """Put the next cases under review; None when too many are."""
        room = MOST_UNDER_REVIEW - await self._reviews.under_review()
        if room <= 0:
            return None
        # The worker's next sweep finds them.
        return len(await self._reviews.put_under_review(before=started, limit=min(room, CASES_PER_TURN)))
