"""Puts the way to Telegram together: connections, budgets, circuits, clients."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from redis.asyncio import Redis

from bot.core.clock import SystemClock
from bot.core.settings import is_telegram
from bot.core.telegram.bans import Bans
from bot.core.telegram.bots import Clients, Desk, make_bot
from bot.core.telegram.budget import SharedBudget
from bot.core.telegram.circuit import Circuits
from bot.core.telegram.client import TelegramClient
from bot.core.telegram.demand import Limits, Priority
from bot.core.telegram.gateway import Gateway
from bot.core.telegram.newer import Capabilities, NewerTelegram
from bot.core.telegram.own_budget import OwnBudget
from bot.core.telegram.profile import TelegramProfile
from bot.core.telegram.telemetry import Telemetry
from bot.core.telegram.transport import SharedPool
from bot.domain.ids import BotId

# Somebody looks at the screen; Telegram's queue for the chat waits for the update, too.
_PRESS_PATIENCE_SECONDS = 1.0
# A worker's lease of 3 s has 0.5 s of age, this wait and a call of 2 s in it.
_WORKER_PATIENCE_SECONDS = 0.4
_BULK_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Telegram:
    """The hosted bots, and one client for them in three urgencies."""

    bots: Clients
    desk: Desk
    telemetry: Telemetry
    gateway: Gateway
    bans: Bans
    capabilities: Capabilities

    def apart(self) -> "Telegram":
        """Return the same way with no bot yet: who looks at bots there changes none that runs here."""
        clients = self.bots.apart()
        return replace(self, bots=clients, gateway=self.gateway.apart(clients))

    @property
    def newer_for_presses(self) -> NewerTelegram:
        """What is newer than the library, with the urgency of presses."""
        return NewerTelegram(self.gateway, self.capabilities, priority=Priority.PRESS, patience=_PRESS_PATIENCE_SECONDS)

    @property
    def newer_for_work(self) -> NewerTelegram:
        """The same, for what is done under a lease."""
        return NewerTelegram(self.gateway, self.capabilities, priority=Priority.JOIN, patience=_WORKER_PATIENCE_SECONDS)

    @property
    def for_presses(self) -> TelegramClient:
        """For what answers buttons and commands."""
        return TelegramClient(self.gateway, priority=Priority.PRESS, patience=_PRESS_PATIENCE_SECONDS, bans=self.bans)

    @property
    def for_work(self) -> TelegramClient:
        """For what is done under a lease, and for what an update waits for."""
        return TelegramClient(self.gateway, priority=Priority.JOIN, patience=_WORKER_PATIENCE_SECONDS, bans=self.bans)

    @property
    def for_first_questions(self) -> TelegramClient:
        """For what begins new work: it does not wait for the end of a pause, whose places are for what was begun."""
        return TelegramClient(self.gateway, priority=Priority.JOIN, patience=0.0, bans=self.bans)

    @property
    def profile(self) -> TelegramProfile:
        """For what is shown about the bots themselves."""
        return TelegramProfile(self.gateway)

    @property
    def for_bulk(self) -> TelegramClient:
        """For what nobody waits for."""
        return TelegramClient(self.gateway, priority=Priority.BULK, patience=_BULK_PATIENCE_SECONDS, bans=self.bans)


@asynccontextmanager
async def open_telegram(
    *,
    api_url: str,
    limits: Limits,
    redis: "Redis",
    instances: Callable[[], int],
    clock: SystemClock,
    token_refused: Callable[[BotId], None],
) -> AsyncIterator[Telegram]:
    """Open the way to Telegram; nothing is called yet. `instances` counts those that share the limits."""
    own = OwnBudget(limits=limits, monotonic=clock.monotonic)
    budget = SharedBudget(redis=redis, limits=limits, own=own, instances=instances, monotonic=clock.monotonic)
    circuits = Circuits(monotonic=clock.monotonic)
    telemetry = Telemetry(open_circuits=circuits.open, shared=lambda: budget.shared)
    pool = SharedPool(observe=telemetry.request, monotonic=clock.monotonic)
    make = partial(make_bot, api_url=api_url, pool=pool)
    clients = Clients(make=make)
    gateway = Gateway(
        bots=clients,
        budget=budget,
        circuits=circuits,
        telemetry=telemetry,
        clock=clock,
        token_refused=token_refused,
    )
    await pool.open()
    try:
        capabilities = Capabilities(monotonic=clock.monotonic)
        desk = Desk(make=make, at_telegram=is_telegram(api_url))
        yield Telegram(clients, desk, telemetry, gateway, Bans(), capabilities)
    finally:
        await pool.close()
