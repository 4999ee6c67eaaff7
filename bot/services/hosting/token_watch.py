"""Revoked tokens: the bot is marked, its work rests on all instances, and it is asked for again now and then."""

import asyncio
from contextlib import suppress

import structlog

from bot.domain.errors import BotError, NotReadyError, StoreUnavailableError
from bot.domain.hosting import BotIdentity, HostedBot
from bot.domain.ids import BotId
from bot.services.hosting.roster import Roster
from bot.services.ports.hosting import BotRows, TokenDesk
from bot.services.ports.runtime import Clock

_LOOK_SECONDS = 1.0
# A server in between may have made the 401 up: the first looks follow soon.
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0

log = structlog.stdlib.get_logger()


class TokenWatch:
    """Hears from every call that Telegram answered with 401, and learns the names of bots that have none yet."""

    def __init__(self, *, rows: BotRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._heard: set[BotId] = set()
        self._awake = asyncio.Event()
        self._next: dict[BotId, tuple[float, float]] = {}
        """When to ask again, and for how long to wait after that."""

    def refused(self, bot: BotId) -> None:
        """Note that a call was refused for its token."""
        self._heard.add(bot)
        self._awake.set()

    async def run(self, roster: Roster, desk: TokenDesk) -> None:
        """Mark, and ask again, until cancelled."""
        while True:
            for bot in sorted(self._heard):
                await self._mark(bot, roster)
            due = [bot for bot in roster.bots.values() if self._is_due(bot)]
            await asyncio.gather(*(self._look(bot, desk) for bot in due))
            self._awake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._awake.wait()

    async def _mark(self, bot: BotId, roster: Roster) -> None:
        known = roster.bots.get(bot)
        with suppress(StoreUnavailableError):
            # While it cannot be written, calls are refused one by one; the mark follows.
            if known is not None and known.refused_at is None and await self._rows.mark_refused(bot, known.seq):
                log.error("bot.token_refused", bot=bot, username=known.username)
            await roster.refresh()
            self._heard.discard(bot)

    def _is_due(self, bot: HostedBot) -> bool:
        if not bot.at_work or (bot.refused_at is None and bot.username):
            self._next.pop(bot.bot_id, None)
            return False
        now = self._clock.monotonic()
        first = _FIRST_PAUSE_SECONDS if bot.refused_at else 0.0
        at, pause = self._next.setdefault(bot.bot_id, (now + first, _FIRST_PAUSE_SECONDS))
        if at > now:
            return False
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        self._next[bot.bot_id] = now + pause, pause
        return True

    async def _look(self, bot: HostedBot, desk: TokenDesk) -> None:
        identity = await _identity(bot, desk)
        if identity is None:
            return
        with suppress(StoreUnavailableError):
            if identity.username != bot.username:
                await self._rows.renamed(bot.bot_id, identity.username)
            if bot.refused_at is not None:
                await self._rows.clear_refused(bot.bot_id)


async def _identity(bot: HostedBot, desk: TokenDesk) -> BotIdentity | None:
    """Ask whose the token is; None while Telegram does not tell, or it is somebody else's."""
    if bot.token is None:
        return None
    try:
        identity = await desk.identity(bot.token)
    except BotError:
        return None
    return identity if identity.bot_id == bot.bot_id else None


async def check_bots(roster: Roster) -> None:
    """Raise NotReadyError when a bot that should work does not."""
    faults = {"refused": "have a token that Telegram refuses", "sealed": "are sealed with another key"}
    told = [f"{count} bots {text}" for state, text in faults.items() if (count := roster.count(state))]
    if told:
        raise NotReadyError("; ".join(told))
