"""Long polling, for development and for bots without a public address: one instance per bot asks, all may stand by."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import structlog

from bot.domain.errors import (
    NotReadyError,
    PollingConflictError,
    StoreUnavailableError,
    TelegramError,
    TelegramUnavailableError,
)
from bot.domain.ids import BotId
from bot.ingress.receiver import Answer, Receiver
from bot.services.hosting.webhooks import ALLOWED_UPDATES
from bot.services.ports.runtime import Clock, Leader
from bot.services.ports.telegram import UpdateSource, Webhooks

_PURPOSE = 0x67_70_6F_6C  # "gpol"
_WAIT_SECONDS = 25
_RETRY_SECONDS = 2.0
# A fault that lasts is noted again within a long poll's time; another instance has the turn now if it is not.
_FAULT_SECONDS = 60.0
# Telegram's own delays for an update that was not taken: at once, then 2, 4, 8 s.
_PAUSES = (0.0, 2.0, 4.0, 8.0)

log = structlog.stdlib.get_logger()


class _Ids(msgspec.Struct):
    id: int = 0


class _InChat(msgspec.Struct):
    chat: _Ids = msgspec.field(default_factory=_Ids)


class _Change(msgspec.Struct):
    new_chat_member: "_Member | None" = None


class _Member(msgspec.Struct):
    user: _Ids = msgspec.field(default_factory=_Ids)


class _ByUser(msgspec.Struct, rename={"user": "from"}):
    user: _Ids = msgspec.field(default_factory=_Ids)


class _Numbered(msgspec.Struct):
    update_id: int


class _Queued(msgspec.Struct):
    update_id: int
    message: _InChat | None = None
    edited_message: _InChat | None = None
    callback_query: _ByUser | None = None
    my_chat_member: _InChat | None = None
    chat_member: _Change | None = None
    chat_join_request: _ByUser | None = None


class Poller:
    """Asks for updates and confirms them only when they are durable. Never removes a webhook by itself."""

    def __init__(
        self,
        *,
        bot: BotId,
        source: UpdateSource,
        webhooks: Webhooks,
        receiver: Receiver,
        leader: Leader,
        clock: Clock,
        take_over: bool,
    ) -> None:
        self._bot = bot
        self._source = source
        self._webhooks = webhooks
        self._receiver = receiver
        self._leader = leader
        self._clock = clock
        self._take_over = take_over
        self._fault: str | None = None
        self._failed_at = 0.0

    @property
    def fault(self) -> str | None:
        """Why no updates arrive at the moment; None while they do, here or at another instance."""
        if self._clock.monotonic() - self._failed_at > _FAULT_SECONDS:
            return None
        return self._fault

    async def check(self) -> None:
        """Raise NotReadyError while no updates arrive."""
        if self.fault is not None:
            raise NotReadyError(self.fault)

    async def run(self) -> None:
        """Poll when elected, until cancelled. A conflict ends the turn; another instance may take it."""
        while True:
            try:
                async with self._leader.held(_PURPOSE, self._bot) as check:
                    await self._make_way()
                    offset = 0
                    while True:
                        await check()
                        offset = await self._once(offset)
            except PollingConflictError as error:
                self._failed("a webhook is set, or another program polls with this token")
                log.warning("polling.conflict", bot=self._bot, error=str(error))
            except (TelegramError, StoreUnavailableError) as error:
                self._failed(type(error).__name__)
                log.warning("polling.failed", bot=self._bot, error=str(error))
            except Exception as error:
                # The one catch-all of this loop: a bot whose polling ended in silence would be gone.
                self._failed(type(error).__name__)
                log.exception("polling.broken", bot=self._bot)
            await self._clock.sleep(_RETRY_SECONDS)

    def _failed(self, fault: str) -> None:
        self._fault, self._failed_at = fault, self._clock.monotonic()

    async def _make_way(self) -> None:
        """Remove a webhook only if the operator said so: it may be somebody else's."""
        if self._take_over and (await self._webhooks.webhook(self._bot)).get("url"):
            await self._webhooks.delete_webhook(self._bot)
            log.info("polling.webhook_removed", bot=self._bot)

    async def _once(self, offset: int) -> int:
        """Fetch a batch and bring each of its queues to an end; return the lowest id that is not durable yet."""
        updates = await self._source.updates(self._bot, offset=offset, seconds=_WAIT_SECONDS, allowed=ALLOWED_UPDATES)
        self._fault = None
        queues: dict[tuple[str, int], list[tuple[int, bytes]]] = defaultdict(list)
        highest = offset - 1
        for body in updates:
            update_id, queue = _place(body)
            highest = max(highest, update_id)
            queues[queue].append((update_id, body))
        unfinished = await asyncio.gather(*(self._drain(queue) for queue in queues.values()))
        return min((update_id for update_id in unfinished if update_id is not None), default=highest + 1)

    async def _drain(self, queue: Sequence[tuple[int, bytes]]) -> int | None:
        """Handle a queue in order; return the first update that could not be, so that it is fetched again."""
        for update_id, body in queue:
            for pause in _PAUSES:
                await self._clock.sleep(pause)
                if await self._receiver.receive(self._bot, body) in {Answer.DONE, Answer.NOT_JSON}:
                    break
            else:
                return update_id
        return None


def _place(body: bytes) -> tuple[int, tuple[str, int]]:
    """Tell an update's id and the queue Telegram would keep it in: what is ordered stays ordered."""
    try:
        update = msgspec.json.decode(body, type=_Queued)
    except msgspec.DecodeError:
        return _number(body)
    message = update.message or update.edited_message
    queue = "alone", update.update_id
    if message is not None:
        queue = "chat", message.chat.id
    elif update.callback_query is not None:
        queue = "presser", update.callback_query.user.id
    elif update.my_chat_member is not None:
        queue = "own", update.my_chat_member.chat.id
    elif update.chat_member is not None and update.chat_member.new_chat_member is not None:
        queue = "member", update.chat_member.new_chat_member.user.id
    elif update.chat_join_request is not None:
        queue = "member", update.chat_join_request.user.id
    return update.update_id, queue


def _number(body: bytes) -> tuple[int, tuple[str, int]]:
    """Tell the id of an update of a shape nobody knows; what becomes of it is the receiver's business."""
    try:
        number = msgspec.json.decode(body, type=_Numbered).update_id
    except msgspec.DecodeError as error:
        raise TelegramUnavailableError(method="getUpdates", description="an update came without an id") from error
    return number, ("alone", number)
