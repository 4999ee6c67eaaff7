"""Long polling: what is confirmed, in which order batches are worked off, and who makes way for whom."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from bot.domain.errors import PollingConflictError, TelegramUnavailableError
from bot.domain.ids import BotId, CaseId, InstanceId, UpdateId
from bot.domain.intent import Intent, Receipt
from bot.ingress.gate import Gate
from bot.ingress.polling import Poller
from bot.ingress.receiver import Receiver
from tests.fakes.ports import FakeClock

BOT, HERE = BotId(1), InstanceId(UUID(int=1))


def _id(update: Mapping[str, object]) -> float:
    number = update.get("update_id")
    return number if isinstance(number, int) else float("inf")


def nobody(bot: BotId, cases: Sequence[CaseId], *, first: bool = False) -> None:
    """Wake nobody."""
    del bot, cases, first


@dataclass
class Telegram:
    """Telegram's queue: what is below the offset is forgotten for good."""

    pending: list[dict[str, object]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    url: str = ""
    away: int = 0

    async def updates(self, bot: BotId, *, offset: int, seconds: int, allowed: Sequence[str]) -> list[bytes]:
        assert (bot, seconds) == (BOT, 25)
        assert "chat_member" in allowed
        await asyncio.sleep(0)
        if self.url:
            raise PollingConflictError(method="getUpdates", description="a webhook is active")
        if self.away:
            self.away -= 1
            raise TelegramUnavailableError(method="getUpdates", description="Bad Gateway")
        self.offsets.append(offset)
        self.pending = [update for update in self.pending if _id(update) >= offset]
        return [json.dumps(update).encode() for update in self.pending[:100]]

    async def webhook(self, _: BotId) -> Mapping[str, object]:
        return {"url": self.url}

    async def set_webhook(self, bot: BotId, url: str, *, secret: str, allowed: Sequence[str], connections: int) -> None:
        raise NotImplementedError

    async def delete_webhook(self, _: BotId) -> None:
        self.url = ""


@dataclass
class Inbox:
    """Marks in memory."""

    done: set[UpdateId] = field(default_factory=set)
    buried: list[UpdateId] = field(default_factory=list)
    tries: Counter[UpdateId] = field(default_factory=Counter)

    async def claim(self, bot: BotId, update: UpdateId) -> Receipt | bool:
        if update in self.done:
            return True
        self.tries[update] += 1
        return Receipt(bot, update, HERE, self.tries[update])

    async def settle(self, receipt: Receipt, intents: Sequence[Intent]) -> tuple[CaseId, ...]:
        assert intents == ()
        self.done.add(receipt.update_id)
        return ()

    async def release(self, receipt: Receipt, *, blameless: bool) -> None:
        self.tries[receipt.update_id] -= blameless

    async def bury(self, receipt: Receipt, body: bytes, error: str) -> None:
        assert body
        assert error
        self.buried.append(receipt.update_id)
        self.done.add(receipt.update_id)


class Turn:
    """Everybody's turn at once."""

    @asynccontextmanager
    async def held(self, purpose: int, subject: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        assert purpose
        assert subject == BOT

        async def check() -> None:
            await asyncio.sleep(0)

        yield check


class Ignored:
    """Takes what these tests do not look at."""

    def update(self, kind: str, result: str) -> None:
        """Count nothing."""

    def took(self, kind: str, seconds: float) -> None:
        """Time nothing."""

    def recall(self, *_: object) -> None:
        """Know nobody."""

    def sighted(self, *_: object) -> None:
        """See nobody."""

    def group(self, *_: object) -> None:
        """Guard nothing."""

    @property
    def needed(self) -> bool:
        """Need no help."""
        return False

    async def handle(self, *_: object) -> bool:
        """Do nothing."""
        return False


@dataclass
class Scene:
    """A poller, what it polls, and what its handlers saw."""

    telegram: Telegram = field(default_factory=Telegram)
    inbox: Inbox = field(default_factory=Inbox)
    clock: FakeClock = field(default_factory=FakeClock)
    handled: list[int] = field(default_factory=list)
    faults: dict[int, list[Exception]] = field(default_factory=dict)

    async def dispatch(self, body: bytes, *, is_owed: bool = False) -> Sequence[Intent]:
        assert not is_owed
        number = json.loads(body)["update_id"]
        if self.faults.get(number):
            raise self.faults[number].pop(0)
        self.handled.append(number)
        return ()

    def poller(self, *, take_over: bool = False) -> Poller:
        ignored = Ignored()
        receiver = Receiver(
            gate=Gate(groups=ignored, memory=ignored, sightings=ignored),
            inbox=self.inbox,
            dispatchers={BOT: self.dispatch},
            stopgap=ignored,
            wake=nobody,
            counter=ignored,
            monotonic=time.monotonic,
        )
        return Poller(
            bot=BOT,
            source=self.telegram,
            webhooks=self.telegram,
            receiver=receiver,
            leader=Turn(),
            clock=self.clock,
            take_over=take_over,
        )

    async def run(self, holds: Callable[[], bool], *, take_over: bool = False) -> Poller:
        """Poll until something holds."""
        poller = self.poller(take_over=take_over)
        task = asyncio.create_task(poller.run())
        async with asyncio.timeout(30):
            while not holds():
                assert not task.done()
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return poller


def press(number: int, user: int) -> dict[str, object]:
    """Return a press; a user's presses are one queue."""
    sender = {"id": user, "is_bot": False, "first_name": "Mia"}
    return {"update_id": number, "callback_query": {"id": str(number), "from": sender, "data": "v"}}


async def test_only_what_is_durable_is_confirmed() -> None:
    """The offset stops before the first update that could not be taken; what follows comes again, but is not redone."""
    scene = Scene(faults={6: [TelegramUnavailableError(method="getMe", description="away")] * 6})
    scene.telegram.pending = [press(5, 1), press(6, 2), press(7, 3)]

    await scene.run(lambda: scene.inbox.done == {5, 6, 7} and not scene.telegram.pending)

    assert scene.telegram.offsets[:3] == [0, 6, 8]
    assert scene.handled == [5, 7, 6]


async def test_a_queue_keeps_its_order_and_holds_up_no_other() -> None:
    """After a failure the next update of the same queue waits for the retry; other queues are done meanwhile."""
    scene = Scene(faults={1: [RuntimeError("a fault"), RuntimeError("a fault")]})
    scene.telegram.pending = [press(1, 7), press(2, 7), press(3, 8), press(4, 7)]

    await scene.run(lambda: not scene.telegram.pending)

    assert scene.handled == [3, 1, 2, 4]


async def test_poison_ends_as_a_dead_letter_here_too() -> None:
    """Three failures, then it is buried, confirmed and gone."""
    scene = Scene(faults={1: [RuntimeError("a fault")] * 3})
    scene.telegram.pending = [press(1, 7), press(2, 7)]

    await scene.run(lambda: not scene.telegram.pending)

    assert scene.inbox.buried == [1]
    assert scene.handled == [2]


@pytest.mark.parametrize(
    "odd",
    [{"message": []}, {"message": {"chat": {"id": "x"}}}, {"callback_query": 5}, {"new": {}}, {"chat_member": {}}],
)
async def test_an_update_of_an_odd_shape_is_confirmed_and_passed_over(odd: dict[str, object]) -> None:
    """A shape nobody knows neither ends the polling nor comes back for ever."""
    scene = Scene()
    scene.telegram.pending = [{"update_id": 1, **odd}, press(2, 7)]

    await scene.run(lambda: not scene.telegram.pending)

    assert 2 in scene.handled


async def test_an_update_without_an_id_is_a_fault_of_the_server() -> None:
    """It cannot be confirmed, so polling pauses and says so instead of asking again at full speed."""
    scene = Scene()
    scene.telegram.pending = [{"message": {}}]

    poller = await scene.run(lambda: len(scene.telegram.offsets) == 3)

    assert poller.fault == "TelegramUnavailableError"
    assert scene.clock.slept[:2] == [2.0, 2.0]


async def test_an_outage_is_waited_out() -> None:
    """Polling goes on where it was; meanwhile the fault is named."""
    scene = Scene()
    scene.telegram.away = 3
    scene.telegram.pending = [press(1, 7)]

    poller = await scene.run(lambda: not scene.telegram.pending)

    assert scene.handled == [1]
    assert poller.fault is None
    assert scene.clock.slept[:3] == [2.0, 2.0, 2.0]


async def test_a_webhook_is_somebody_elses_until_the_operator_says_otherwise() -> None:
    """A conflict is named and nothing is removed; with take-over it is removed and polling starts."""
    scene = Scene()
    scene.telegram.url = "https://elsewhere.example"
    scene.telegram.pending = [press(1, 7)]

    refused = await scene.run(lambda: len(scene.clock.slept) >= 3)
    kept = scene.telegram.url
    await scene.run(lambda: not scene.telegram.pending, take_over=True)

    assert "webhook" in (refused.fault or "")
    assert kept == "https://elsewhere.example"
    assert scene.handled == [1]


async def test_a_fault_of_a_turn_long_over_is_no_fault() -> None:
    """Whoever stands by while another instance polls is not ill."""
    scene = Scene()
    scene.telegram.url = "https://elsewhere.example"
    poller = await scene.run(lambda: len(scene.clock.slept) >= 1)
    before = poller.fault
    scene.clock.advance(61)

    assert before is not None
    assert poller.fault is None
