"""Webhook delivery as Telegram does it: queues, order, connection limit, back-off, Retry-After, expiry, secret."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from .clock import Clock, deadline, wait
from .faults import Faults
from .record import Record
from .updates import Update, UpdateLog, Webhook

RESPONSE_SECONDS = 60.0
LONGEST_RETRY_AFTER = 3600
BACK_OFF_CEILING = (60.0, 120.0)
SUCCESS = range(200, 300)
GONE = 410
GONE_SECONDS = 23 * 3600.0
LARGEST_ANSWER = 1 << 20

RunAnswer = Callable[[str, bytes], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Queue:
    """The loaded updates of one queue; only the head is ever under way."""

    id: int
    updates: deque[Update] = field(default_factory=deque)
    is_in_flight: bool = False


class WebhookDelivery:
    """Hands one bot's updates to its webhook, at least once and in the order of each queue."""

    def __init__(
        self,
        *,
        log: UpdateLog,
        clock: Clock,
        record: Record,
        faults: Faults,
        dice: random.Random,
        run_answer: RunAnswer,
    ) -> None:
        self._log = log
        self._clock = clock
        self._record = record
        self._faults = faults
        self._dice = dice
        self._run_answer = run_answer
        self._queues: dict[int, Queue] = {}
        self._in_flight = 0
        self._news = asyncio.Event()
        self._gone_since: float | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and nothing waits but what a fault holds back."""
        heads = [queue.updates[0] for queue in self._queues.values() if queue.updates]
        return self._in_flight == 0 and all(self._is_held(update) for update in (*heads, *self._log.unloaded))

    def wake(self) -> None:
        """Look again: there are new updates, or other settings."""
        self._news.set()

    def restart(self) -> None:
        """Load everything anew, after the webhook has changed; what is under way ends by itself."""
        self._queues = {}
        self._log.unloaded = deque(self._log.pending.values())
        self._gone_since = None
        self.wake()

    async def run(self) -> None:
        """Deliver until cancelled."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as session,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                wakeup_at = self._send_ready(session, tasks)
                await wait(self._clock, self._news, wakeup_at)

    def _send_ready(self, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> float | None:
        """Send what is ready and return when the next will be."""
        webhook = self._log.webhook
        if not webhook.url or self._in_flight >= webhook.max_connections:
            return None
        now = self._clock.now()
        self._load(now, webhook)
        waiting = [queue for queue in self._queues.values() if queue.updates and not queue.is_in_flight]
        ready = [queue for queue in waiting if not self._is_held(queue.updates[0])] if self._faults.holds else waiting
        ready.sort(key=lambda queue: (queue.updates[0].wakeup_at, queue.id))
        if self._faults.shuffles_queues:
            self._dice.shuffle(ready)
        for queue in ready:
            if self._in_flight >= webhook.max_connections:
                return None
            if queue.updates[0].wakeup_at > now:
                continue
            queue.is_in_flight = True
            self._in_flight += 1
            tasks.create_task(self._deliver(session, queue, webhook))
        return min((q.updates[0].wakeup_at for q in ready if not q.is_in_flight), default=None)

    def _load(self, now: float, webhook: Webhook) -> None:
        """Load updates in order until twice as many queues as connections are known: then the rest waits."""
        unloaded = self._log.unloaded
        while unloaded and len(self._queues) < 2 * webhook.max_connections:
            update = unloaded.popleft()
            if update.id not in self._log.pending:
                continue
            if update.expires < now:
                self._log.forget(update)
                continue
            self._queues.setdefault(update.queue, Queue(update.queue)).updates.append(update)

    def _is_held(self, update: Update) -> bool:
        return any(
            hold.kind in (None, update.kind)
            and hold.queue in (None, update.queue)
            and hold.bot in (None, self._log.bot_id)
            and hold.chat in (None, update.chat_id)
            and hold.user in (None, update.user_id)
            for hold in self._faults.holds
        )

    async def _deliver(self, session: aiohttp.ClientSession, queue: Queue, webhook: Webhook) -> None:
        update = queue.updates[0]
        try:
            await self._attempt(session, update, webhook)
        finally:
            queue.is_in_flight = False
            self._in_flight -= 1
            self._tidy(queue, update)
            self._record.changed()
            self.wake()

    def _tidy(self, queue: Queue, update: Update) -> None:
        """Release the next update of the queue when this one is done with."""
        if update.id not in self._log.pending and queue.updates and queue.updates[0] is update:
            queue.updates.popleft()
        if not queue.updates and self._queues.get(queue.id) is queue:
            del self._queues[queue.id]

    async def _attempt(self, session: aiohttp.ClientSession, update: Update, webhook: Webhook) -> None:
        doubled = self._faults.duplicate(bot=self._log.bot_id, kind=update.kind)
        more = 0 if doubled is None else doubled.copies - 1
        if doubled is not None and doubled.at_once:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(more):
                    tasks.create_task(self._post(session, update, webhook))
                answer = await self._post(session, update, webhook)
            more = 0
        else:
            answer = await self._post(session, update, webhook)
        if answer.is_success:
            for _ in range(more):
                await self._post(session, update, webhook)
            self._log.forget(update)
            self._gone_since = None
            if answer.body:
                await self._run_answer(answer.content_type, answer.body)
        elif self._log.webhook is webhook:
            self._failed(update, webhook, answer)

    async def _post(self, session: aiohttp.ClientSession, update: Update, webhook: Webhook) -> "_Answer":
        update.attempts += 1
        entry = self._record.attempt(update, bot_id=self._log.bot_id, url=webhook.url, at=self._clock.now())
        answer = await self._exchange(session, update, webhook)
        entry.status, entry.error, entry.finished = answer.status, answer.error, self._clock.now()
        entry.retry_after = None if answer.is_success else answer.retry_after_seconds
        return answer

    async def _exchange(self, session: aiohttp.ClientSession, update: Update, webhook: Webhook) -> "_Answer":
        headers = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        headers |= {
            "Content-Type": "application/json",
            "Content-Length": str(len(update.data)),
            "Connection": "keep-alive",
            "Accept-Encoding": "gzip, deflate",
        }
        try:
            async with (
                deadline(self._clock, RESPONSE_SECONDS),
                session.post(
                    webhook.url,
                    data=update.data,
                    headers=headers,
                    skip_auto_headers=("User-Agent", "Accept"),
                    allow_redirects=False,
                ) as response,
            ):
                body = await response.content.read(LARGEST_ANSWER)
                return _Answer(
                    status=response.status,
                    error=None if response.status in SUCCESS else f"{response.status} {response.reason}",
                    body=body,
                    content_type=response.content_type,
                    retry_after=response.headers.get("Retry-After"),
                )
        except TimeoutError:
            return _Answer(error="Read timeout expired")
        except aiohttp.ServerDisconnectedError:
            return _Answer(error="Webhook connection closed", is_silent=True)
        except (aiohttp.ClientError, OSError) as error:
            return _Answer(error=f"Connection failed: {type(error).__name__}")

    def _failed(self, update: Update, webhook: Webhook, answer: "_Answer") -> None:
        now = self._clock.now()
        if not answer.is_silent:
            webhook.last_error_at = now
            webhook.last_error = (
                f"Wrong response from the webhook: {answer.error}" if answer.status is not None else answer.error
            )
        if self._is_gone_for_good(answer, now):
            self._log.webhook = Webhook()
            return
        delay = self._delay(update, answer)
        update.failures += 1
        if now + delay > update.expires:
            self._log.forget(update)
        else:
            update.wakeup_at = now + delay

    def _delay(self, update: Update, answer: "_Answer") -> float:
        wanted = answer.retry_after_seconds
        if wanted is not None:
            return float(min(max(wanted, 0), LONGEST_RETRY_AFTER))
        if update.failures == 0:
            return 0.0
        update.delay = min(self._dice.uniform(*BACK_OFF_CEILING), update.delay * 2)
        return update.delay

    def _is_gone_for_good(self, answer: "_Answer", now: float) -> bool:
        if answer.status != GONE:
            self._gone_since = None
            return False
        if self._gone_since is None:
            self._gone_since = now
        return now - self._gone_since >= GONE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a webhook said to one attempt."""

    status: int | None = None
    error: str | None = None
    body: bytes = b""
    content_type: str = ""
    retry_after: str | None = None
    is_silent: bool = False

    @property
    def is_success(self) -> bool:
        return self.error is None

    @property
    def retry_after_seconds(self) -> int | None:
        text = (self.retry_after or "").strip()
        return int(text) if text.isascii() and text.isdigit() else None
