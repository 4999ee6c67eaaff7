"""The simulator's face: people's verbs, and what tests ask afterwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from .api import BotApi
from .backend import build
from .clock import Clock, SystemClock
from .delivery import WebhookDelivery
from .errors import NotSettled
from .faults import Faults
from .limits import FloodLimits
from .model import Bot, JsonObject
from .pages import build_pages
from .people import People
from .polling import Poller
from .record import Call, Delivery
from .server import Application, listening
from .world import TOKEN_PREFIX


class Simulator(People):
    """A Bot API server with a world behind it; `serving()` puts it on a port of this event loop."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seed: int = 1,
        callback_answer_seconds: float = 60.0,
        keeps: int | None = None,
        flood_limits: FloodLimits | None = None,
    ) -> None:
        """Build an empty world; `keeps` bounds the records of calls and deliveries, None keeps all for tests."""
        backend = build(clock=clock or SystemClock(), seed=seed, callback_answer_seconds=callback_answer_seconds)
        backend.record.keeps = keeps
        backend.flood.limits = flood_limits
        super().__init__(backend=backend)
        self.url = ""
        backend.faults.wake = self._wake_all
        backend.connect = self._connect
        self._api = BotApi(backend=backend)
        self._tasks: asyncio.TaskGroup | None = None
        self._pumps: list[asyncio.Task[None]] = []

    @property
    def clock(self) -> Clock:
        """The time of this world."""
        return self._backend.clock

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self._backend.faults

    @property
    def calls(self) -> list[Call]:
        """Every Bot API call so far, oldest first."""
        return self._backend.record.calls

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to deliver an update to a webhook, oldest first."""
        return self._backend.record.deliveries

    @property
    def bots(self) -> list[Bot]:
        """All bots."""
        return list(self._backend.world.bots.values())

    def remember(self) -> None:
        """Keep the world as it is now: `POST /control/reset` comes back to it."""
        self._backend.remember()

    def forget_updates(self) -> None:
        """Drop every update that waits: what was built so far happened before anybody listened."""
        self._backend.forget_updates()

    def calls_of(self, *methods: str) -> list[Call]:
        """Return the calls of these methods."""
        wanted = {method.lower() for method in methods}
        return [call for call in self.calls if call.method.lower() in wanted]

    @property
    def last_call(self) -> int:
        """The number of the newest call, kept or not."""
        return self._backend.record.last_call

    @property
    def last_delivery(self) -> int:
        """The number of the newest delivery, kept or not."""
        return self._backend.record.last_delivery

    def calls_after(self, number: int) -> list[Call]:
        """Return the calls with a higher number that are still kept."""
        return self._backend.record.calls_after(number)

    def deliveries_after(self, number: int) -> list[Delivery]:
        """Return the deliveries with a higher number that are still kept."""
        return self._backend.record.deliveries_after(number)

    def last_update_id(self, bot: Bot) -> int:
        """Return the id of the newest update created for a bot; one less than the first when there is none."""
        return self._backend.feed.logs[bot.id].next_id - 1

    def updates(self, bot: Bot) -> list[JsonObject]:
        """Return every update created for a bot so far, delivered or not."""
        return self._backend.feed.logs[bot.id].created

    def _connect(self, bot: Bot) -> None:
        """Give a new bot its ways to hear of updates."""
        backend = self._backend
        log = backend.feed.open(bot, lambda: self._wake(bot))
        log.keeps_created = backend.record.keeps is None

        async def run_answer(content_type: str, body: bytes) -> None:
            await self._api.run_webhook_answer(backend.world.bots[bot.id], content_type, body)

        delivery = WebhookDelivery(
            log=log,
            clock=backend.clock,
            record=backend.record,
            faults=backend.faults,
            dice=backend.dice,
            run_answer=run_answer,
        )
        backend.deliveries[bot.id] = delivery
        backend.pollers[bot.id] = Poller(log=log, clock=backend.clock, record=backend.record)
        if self._tasks is not None:
            self._pumps.append(self._tasks.create_task(delivery.run()))

    def revoke_token(self, bot: Bot) -> str:
        """Give a bot another token, as /revoke does at @BotFather; the one before is refused from now on."""
        bot.token = f"{bot.id}:{TOKEN_PREFIX}{self._backend.world.letters(32)}"
        return bot.token

    def _wake(self, bot: Bot) -> None:
        self._backend.deliveries[bot.id].wake()
        self._backend.pollers[bot.id].wake()

    def _wake_all(self) -> None:
        for bot in self.bots:
            self._wake(bot)

    @contextlib.asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator["Simulator"]:
        """Serve the API, the control API and the page until the body ends."""
        pages = build_pages(self, self._backend)
        application = Application(api=self._api, pages=pages)
        close = self._backend.record.close
        self._backend.record.is_closing = False
        async with (
            listening(application, host=host, port=port, before_stop=close) as (address, number),
            asyncio.TaskGroup() as tasks,
        ):
            self.url = f"http://{address}:{number}"
            self._tasks = tasks
            self._pumps = [tasks.create_task(each.run()) for each in self._backend.deliveries.values()]
            try:
                yield self
            finally:
                self._tasks = None
                close()
                for poller in self._backend.pollers.values():
                    poller.wake()
                for pump in self._pumps:
                    pump.cancel()

    async def settled(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - the tests' own patience, in real seconds
        """Wait until every update is acknowledged and no call is under way; raise NotSettled when that takes longer."""
        record = self._backend.record
        event = record.subscribe()
        try:
            async with asyncio.timeout(timeout):
                while self._unsettled():
                    await event.wait()
                    event.clear()
        except TimeoutError:
            raise NotSettled("; ".join(self._unsettled())) from None
        finally:
            record.unsubscribe(event)

    def _unsettled(self) -> list[str]:
        backend = self._backend
        waiting = [
            f"{len(log.pending)} updates wait for bot {bot_id}: {sorted({each.kind for each in log.pending.values()})}"
            for bot_id, log in backend.feed.logs.items()
            if (log.webhook.url and not backend.deliveries[bot_id].is_idle) or not backend.pollers[bot_id].is_idle
        ]
        calls = backend.record.running.values()
        running = [f"{call.method} is under way" for call in calls if call.method != "getUpdates"]
        return waiting + running
