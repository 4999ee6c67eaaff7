"""One update, from bytes to an answer for Telegram: done, or deliver it again."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import structlog

from bot.domain.errors import (
    ClaimLostError,
    MalformedUpdateError,
    StoreUnavailableError,
    TelegramUnavailableError,
)
from bot.domain.ids import BotId, CaseId, UpdateId
from bot.domain.intent import Intent, Receipt, Want
from bot.domain.restriction import Wanted
from bot.ingress.gate import Gate
from bot.ingress.parse import NotJsonError, Parser
from bot.ingress.shapes import UpdateHead
from bot.services.ports.ledger import Inbox
from bot.services.ports.runtime import FirstWaker


class Dispatch(Protocol):
    """One bot's handlers: bytes in, intents out. Raises whatever went wrong."""

    async def __call__(self, body: bytes, *, is_owed: bool = False) -> Sequence[Intent]:
        """Handle an update; one that `is_owed` was acknowledged before, and fails where it could only be put off."""
        ...


# Telegram waits 60 s for an answer. A handler that is still busy then would be asked to do it twice.
_HANDLER_SECONDS = 25.0
# Telegram stalls a whole bot when 80 chats are in back-off, so an update that keeps failing must end.
_ATTEMPTS = 3

log = structlog.stdlib.get_logger()


class Answer(Enum):
    """What Telegram is told."""

    DONE = "done"
    NOT_JSON = "not_json"
    BUSY = "busy"
    FAILED = "failed"
    MALFORMED = "malformed"
    """Only among ourselves: Telegram is told that it is done."""


class UpdateCounter(Protocol):
    """Counts updates."""

    def update(self, kind: str, result: str) -> None:
        """Count one update by its kind and what became of it."""
        ...

    def took(self, kind: str, seconds: float) -> None:
        """Count how long an update took that the gate did not settle."""
        ...


class Stopgap(Protocol):
    """Handles updates while PostgreSQL is away."""

    @property
    def needed(self) -> bool:
        """Whether it is."""
        ...

    async def handle(self, bot: BotId, update: UpdateId, body: bytes) -> bool:
        """Do what can be done at once; whether nothing is left to do. Never raises."""
        ...


Trace = Callable[[str, BotId, int], contextlib.AbstractContextManager[None]]
"""Traces what is done about one update."""


def _untraced(kind: str, bot: BotId, update: int) -> contextlib.AbstractContextManager[None]:
    del kind, bot, update
    return contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One update that the gate has not settled."""

    bot: BotId
    update: UpdateId
    kind: str
    body: bytes
    is_owed: bool = False
    """It was acknowledged before."""


class Receiver:
    """Lets the gate decide, and hands the rest to the handlers under a claim."""

    def __init__(
        self,
        *,
        gate: Gate,
        inbox: Inbox,
        dispatchers: Mapping[BotId, Dispatch],
        stopgap: Stopgap,
        wake: FirstWaker,
        counter: UpdateCounter,
        monotonic: Callable[[], float],
        trace: Trace = _untraced,
    ) -> None:
        self._gate = gate
        self._inbox = inbox
        self._dispatchers = dispatchers
        self._stopgap = stopgap
        self._wake = wake
        self._counter = counter
        self._monotonic = monotonic
        self._trace = trace
        self._parser = Parser()

    def passes(self, bot: BotId, body: bytes) -> bool:
        """Settle an update that needs nobody; else count nothing and leave it, broken ones too, to `receive`."""
        try:
            return self._passes(bot, self._parser.head(body))
        except (NotJsonError, MalformedUpdateError):
            return False

    async def receive(self, bot: BotId, body: bytes) -> Answer:
        """Bring one update to an end, or say why Telegram should deliver it again. Never raises."""
        update = self._head(bot, body)
        if not isinstance(update, UpdateHead):
            return update
        if self._stopgap.needed:
            done = await self._stopgap.handle(bot, UpdateId(update.update_id), body)
            self._counter.update(_kind(update), "without_ledger" if done else "store_unavailable")
            return Answer.DONE if done else Answer.BUSY
        return await self._handle(_Delivery(bot, UpdateId(update.update_id), _kind(update), body))

    async def replay(self, bot: BotId, body: bytes) -> bool:
        """Handle an update that was acknowledged before; False when it has to be handled again. Never raises."""
        update = self._head(bot, body)
        if not isinstance(update, UpdateHead):
            return update in {Answer.DONE, Answer.NOT_JSON}
        owed = _Delivery(bot, UpdateId(update.update_id), _kind(update), body, is_owed=True)
        return await self._handle(owed) is Answer.DONE

    async def give_up(self, bot: BotId, body: bytes, reason: str) -> bool:
        """Make a dead letter of an update that was acknowledged before; False when that is to be tried again.

        Never raises.
        """
        update = self._head(bot, body)
        if not isinstance(update, UpdateHead):
            return True
        try:
            claim = await self._inbox.claim(bot, UpdateId(update.update_id))
            if not isinstance(claim, Receipt):
                return claim
            await self._bury(claim, body, reason)
        except (StoreUnavailableError, ClaimLostError):
            return False
        return True

    def _head(self, bot: BotId, body: bytes) -> UpdateHead | Answer:
        """Return what has to be handled, or the answer for what has not."""
        try:
            update = self._parser.head(body)
            if self._passes(bot, update):
                return Answer.DONE
            self._parser.check(body)
        except NotJsonError:
            self._counter.update("none", "not_json")
            return Answer.NOT_JSON
        except MalformedUpdateError as error:
            self._counter.update("none", "malformed")
            log.warning("update.malformed", bot=bot, reason=str(error))
            return Answer.DONE
        return update

    def _passes(self, bot: BotId, update: UpdateHead) -> bool:
        reason = self._gate.passes(bot, update)
        if reason is None:
            return False
        self._counter.update("message" if update.message else "edited_message", reason)
        return True

    async def _handle(self, delivery: _Delivery) -> Answer:
        bot, update, kind, started = delivery.bot, delivery.update, delivery.kind, self._monotonic()
        with self._trace(kind, bot, update):
            answer = await self._accounted(delivery)
        seconds = self._monotonic() - started
        self._counter.took(kind, seconds)
        if answer is Answer.MALFORMED:
            # That has been told.
            return Answer.DONE
        log.info(
            "update.handled",
            bot=bot,
            update=update,
            kind=kind,
            outcome=answer.value,
            ms=round(seconds * 1000, 1),
        )
        return answer

    async def _accounted(self, delivery: _Delivery) -> Answer:
        bot, update, kind = delivery.bot, delivery.update, delivery.kind
        try:
            claim = await self._inbox.claim(bot, update)
            if not isinstance(claim, Receipt):
                self._counter.update(kind, "duplicate" if claim else "busy")
                return Answer.DONE if claim else Answer.BUSY
            answer = await self._claimed(claim, delivery)
        except StoreUnavailableError as error:
            # Whether the intent was committed is unknown: Telegram asks again, and then the mark tells.
            log.warning("update.store_unavailable", bot=bot, update=update, error=str(error))
            self._counter.update(kind, "store_unavailable")
            return Answer.BUSY
        except ClaimLostError:
            self._counter.update(kind, "claim_lost")
            return Answer.BUSY
        except Exception:
            # Not even the books could be kept, so nothing may be given up: the update stays in Telegram's queue.
            log.exception("update.unaccounted", bot=bot, update=update, kind=kind)
            self._counter.update(kind, "unaccounted")
            return Answer.BUSY
        self._counter.update(kind, answer.value)
        if answer is Answer.FAILED and claim.attempt == 1:
            # Telegram tries again at once, but only once. Two tries for its first keep every chat out of its back-off.
            return await self._accounted(delivery)
        return answer

    async def _claimed(self, claim: Receipt, delivery: _Delivery) -> Answer:
        try:
            return await self._under(claim, delivery)
        except StoreUnavailableError:
            # After a blip the next try need not wait until this claim is stale, and nobody is to blame for this one.
            with contextlib.suppress(StoreUnavailableError):
                await self._inbox.release(claim, blameless=True)
            raise

    async def _under(self, claim: Receipt, delivery: _Delivery) -> Answer:
        if claim.attempt > _ATTEMPTS:
            return await self._bury(
                claim, delivery.body, "the instances that handled this update did not live to finish it"
            )
        try:
            async with asyncio.timeout(_HANDLER_SECONDS):
                intents = await self._dispatch(delivery)
            cases = await self._settle(claim, intents)
            # Whoever has joined or pressed waits to write; nobody waits to be muted.
            frees = any(isinstance(each, Want) and each.wanted is Wanted.FREE for each in intents)
            self._wake(claim.bot_id, cases, first=frees)
        except (StoreUnavailableError, ClaimLostError):
            raise
        except MalformedUpdateError as error:
            log.warning("update.malformed", bot=claim.bot_id, update=claim.update_id, reason=str(error))
            await self._inbox.settle(claim, ())
            return Answer.MALFORMED
        except TelegramUnavailableError as error:
            # Nobody's fault here, and no reason to give the update up: Telegram asks again when it is back.
            log.warning("update.telegram_unavailable", bot=claim.bot_id, update=claim.update_id, error=str(error))
            await self._inbox.release(claim, blameless=True)
            return Answer.BUSY
        except Exception as error:
            # A fault in a handler is ours and must not stall the chat for ever.
            log.exception(
                "update.failed", bot=claim.bot_id, update=claim.update_id, kind=delivery.kind, attempt=claim.attempt
            )
            return await self._failed(claim, delivery.body, error)
        return Answer.DONE

    async def _settle(self, claim: Receipt, intents: Sequence[Intent]) -> Sequence[CaseId]:
        """Commit what is owed. Where nothing is, only the mark is missing: no reason to answer anybody again."""
        try:
            return await self._inbox.settle(claim, intents)
        except StoreUnavailableError as error:
            if intents:
                raise
            log.warning("update.unmarked", bot=claim.bot_id, update=claim.update_id, error=str(error))
            return ()

    async def _dispatch(self, delivery: _Delivery) -> Sequence[Intent]:
        dispatch = self._dispatchers.get(delivery.bot)
        if dispatch is None:
            raise TelegramUnavailableError(method="none", description="the bot was stopped a moment ago")
        return await dispatch(delivery.body, is_owed=delivery.is_owed)

    async def _failed(self, claim: Receipt, body: bytes, error: Exception) -> Answer:
        if claim.attempt < _ATTEMPTS:
            await self._inbox.release(claim, blameless=False)
            return Answer.FAILED
        return await self._bury(claim, body, f"{type(error).__name__}: {error}")

    async def _bury(self, claim: Receipt, body: bytes, reason: str) -> Answer:
        await self._inbox.bury(claim, body, reason)
        log.error("update.buried", bot=claim.bot_id, update=claim.update_id, reason=reason)
        return Answer.DONE


def _kind(update: UpdateHead) -> str:
    kinds = ("message", "edited_message", "callback_query", "my_chat_member", "chat_member", "chat_join_request")
    return next((kind for kind in kinds if getattr(update, kind)), "other")
