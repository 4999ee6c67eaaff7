"""The one way to Telegram: circuit, budget, request, and what its end means for the next ones."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import structlog
from telegram import Bot

from bot.core.telegram.budget import Budget
from bot.core.telegram.circuit import Circuits, Key
from bot.core.telegram.demand import Demand, Kind
from bot.core.telegram.errors import translated
from bot.core.telegram.own_budget import Grant
from bot.core.telegram.telemetry import Telemetry
from bot.domain.errors import (
    TelegramPausedError,
    TelegramRefusedError,
    TelegramUnavailableError,
    TokenRefusedError,
)
from bot.domain.ids import BotId

Result = TypeVar("Result")

log = structlog.stdlib.get_logger()


class Timer(Protocol):
    """The part of a clock that waiting needs."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task."""
        ...


class Bots(Protocol):
    """The bots that run in this process."""

    def __getitem__(self, bot: BotId) -> Bot:
        """Return the bot. Raises TelegramUnavailableError for one that does not run, or not now."""
        ...


class Gateway:
    """Makes each call once or not at all; who may repeat a call is the caller's to know."""

    def __init__(
        self,
        *,
        bots: Bots,
        budget: Budget,
        circuits: Circuits,
        telemetry: Telemetry,
        clock: Timer,
        token_refused: Callable[[BotId], None] = lambda _: None,
    ) -> None:
        self._bots = bots
        self._budget = budget
        self._circuits = circuits
        self._telemetry = telemetry
        self._clock = clock
        self._token_refused = token_refused

    def apart(self, bots: Bots) -> "Gateway":
        """Return one for other bots, within the same limits. It marks no token as refused."""
        return Gateway(
            bots=bots, budget=self._budget, circuits=self._circuits, telemetry=self._telemetry, clock=self._clock
        )

    async def call(
        self,
        demand: Demand,
        request: Callable[[Bot], Awaitable[Result]],
        *,
        patience: float,
        channel: int | None = None,
    ) -> Result:
        """Make the call, waiting at most `patience` seconds for the right to start it.

        Raises TelegramUnavailableError or TelegramRefusedError. A call that may not start in time is not made, and
        the error's `retry_after` says when it may. `channel` names whose circuit it goes through beside the bot's.
        """
        api, circuits = self._bots[demand.bot], _circuits(demand, channel)
        grant = await self._admitted(demand, circuits, patience)
        self._circuits.enter(circuits)
        started = self._clock.monotonic()
        try:
            with translated(demand.method):
                result = await request(api)
        except TokenRefusedError:
            self._circuits.answered(circuits)
            self._token_refused(demand.bot)
            raise
        except TelegramUnavailableError as error:
            if error.retry_after is None:
                self._circuits.silent(circuits)
            else:
                self._circuits.answered(circuits)
                await self._flooded(demand, error.retry_after, grant, started)
            raise
        except TelegramRefusedError:
            self._circuits.answered(circuits)
            raise
        self._circuits.answered(circuits)
        return result

    async def _admitted(self, demand: Demand, circuits: Sequence[Key], patience: float) -> Grant:
        deadline = self._clock.monotonic() + patience
        waited = False
        while True:
            self._refuse_if_open(demand, circuits)
            grant = await self._budget.ask(demand)
            if grant.wait <= 0:
                # Somebody else may have opened the circuit, or become its probe, in the meantime.
                self._refuse_if_open(demand, circuits)
                return grant
            if self._clock.monotonic() + grant.wait > deadline:
                self._telemetry.refused(demand.priority.value)
                reason = "Telegram asked to wait" if grant.paused else "the budget is used up"
                raise TelegramPausedError(method=demand.method, description=reason, retry_after=grant.wait)
            if not waited:
                waited = True
                self._telemetry.waited(demand.priority.value)
            await self._clock.sleep(grant.wait)

    def _refuse_if_open(self, demand: Demand, circuits: Sequence[Key]) -> None:
        wait = self._circuits.wait(circuits)
        if wait > 0:
            raise _not_made(demand, "the circuit is open", wait)

    async def _flooded(self, demand: Demand, retry_after: float, grant: Grant, started: float) -> None:
        self._telemetry.flooded(retry_after)
        log.warning("telegram.flooded", bot=demand.bot, method=demand.method, seconds=retry_after)
        await self._budget.flooded(demand, retry_after, grant, started)


def _not_made(demand: Demand, reason: str, wait: float) -> TelegramUnavailableError:
    return TelegramUnavailableError(method=demand.method, description=reason, retry_after=wait, nothing_done=True)


def _circuits(demand: Demand, channel: int | None) -> tuple[Key, ...]:
    # Polling and webhooks have loops of their own, which must not stop for a busy chat nor stop anything for theirs.
    if demand.kind is Kind.OTHER:
        return ()
    bot = ("bot", demand.bot, 0)
    return (bot,) if channel is None else (bot, ("channel", demand.bot, channel))
