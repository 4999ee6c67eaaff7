"""A minute in which every third call is answered with a pause, three instances at work; its time is not waited for."""

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import cast

import pytest
from telegram import Bot
from telegram.error import RetryAfter

from bot.core.telegram.circuit import Circuits
from bot.core.telegram.demand import Demand, Limits, Priority
from bot.core.telegram.gateway import Gateway
from bot.core.telegram.own_budget import OwnBudget
from bot.core.telegram.telemetry import Telemetry
from bot.core.texts import Catalogs
from bot.domain.errors import TelegramUnavailableError
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership
from bot.domain.restriction import Done
from bot.services.gate.protection import Protection
from tests.fakes.budget import LoneBudget
from tests.fakes.ports import FakeTelegram
from tests.kits.jumping import JumpingLoop, LoopClock
from tests.kits.world import BOT, GROUP, LOUNGE, NEWS, World

SECONDS, CALM_SECONDS = 60, 30
INSTANCES = 3
_METHODS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "first question": ("getChatMember", NEWS),
        "membership": ("getChatMember", NEWS),
        "member_state": ("getChatMember", GROUP),
        "administrators": ("getChatAdministrators", GROUP),
        "mute": ("restrictChatMember", GROUP),
        "put_back": ("restrictChatMember", GROUP),
        "delete_messages": ("deleteMessage", GROUP),
        "send": ("sendMessage", GROUP),
    }
)


class Telegram(FakeTelegram):
    """Tells the question that opens a case from all others."""

    async def membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        try:
            await self.hook("first question")
        except TelegramUnavailableError:
            return Membership.UNKNOWN
        return await super().membership(bot, channel, user)


@dataclass
class Storm:
    """Instances over one store and one Telegram, which asks for a pause at every third call."""

    clock: LoopClock
    worlds: list[World]
    dice: random.Random
    rages: bool = True
    muted: int = 0
    """How often somebody was muted while it stormed."""
    calls: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.own = OwnBudget(limits=Limits(per_second=25, per_chat=20, bulk=5), monotonic=self.clock.monotonic)
        circuits = Circuits(monotonic=self.clock.monotonic)
        self.gateway = Gateway(
            bots={BOT: cast("Bot", None)},
            budget=LoneBudget(self.own),
            circuits=circuits,
            telemetry=Telemetry(open_circuits=circuits.open, shared=lambda: True),
            clock=self.clock,
        )
        self.protections = [
            Protection(ledger=world.ledger, shifts=world.shift, clock=self.clock) for world in self.worlds
        ]
        self.worlds[0].telegram.hook = self._call
        self.worlds[0].store.hook = self._statement

    async def _statement(self, _: str) -> None:
        await self.clock.sleep(self.dice.uniform(0.001, 0.003))

    async def _call(self, step: str, priority: Priority = Priority.JOIN, patience: float = 0.4) -> None:
        """Pass a call on as the client does."""
        if step not in _METHODS:
            return
        method, chat = _METHODS[step]
        demand = Demand(BOT, method, chat, priority)
        if step == "first question":
            # The question itself follows; whoever asks it waits for no pause.
            if self.own.paused(demand):
                raise TelegramUnavailableError(method=method, description="Telegram asked to wait")
            return

        async def request(_: Bot) -> None:
            is_hit = self.rages and next(self.calls) % 3 == 0
            await self.clock.sleep(self.dice.uniform(0.002, 0.02))
            if is_hit:
                raise RetryAfter(self.dice.choice((1, 1, 2)))

        await self.gateway.call(demand, request, patience=patience)

    async def press(self) -> None:
        """Ask and answer, as the handler of a button does."""
        for _ in range(2):
            with suppress(TelegramUnavailableError):
                await self._call("membership", Priority.PRESS, 1.0)

    async def come(self, number: int) -> None:
        """Have somebody come in and write, which two instances hear of; every third joins the channel a bit later."""
        user, first = UserId(1000 + number), self.dice.randrange(INSTANCES)
        await asyncio.gather(self._look(user, first, None), self._look(user, (first + 1) % INSTANCES, number))
        if number % 3 == 0:
            await self.clock.sleep(self.dice.uniform(0, 10))
            await self.worlds[first].join(user, NEWS)

    async def _look(self, user: UserId, place: int, message: int | None) -> None:
        world = self.worlds[place]
        _, intents = await world.doorkeeper.look(world.speaker(user, message))
        self.protections[place].wake(BOT, await world.commit(*intents))

    async def live(self, pace: float, *, is_pressed: bool) -> None:
        """Let it storm for a while, in which so many come a second, and some press; then let it be calm."""
        began = self.clock.monotonic()
        async with asyncio.TaskGroup() as tasks:
            working: list[asyncio.Task[None]] = []
            for each in self.protections:
                working.append(tasks.create_task(each.run()))
                await self.clock.sleep(self.dice.uniform(0, 0.5))
            for number in itertools.count(1):
                if self.clock.monotonic() > began + SECONDS:
                    break
                tasks.create_task(self.come(number))
                if is_pressed:
                    tasks.create_task(self.press())
                await self.clock.sleep(self.dice.expovariate(pace))
            self.muted, self.rages = len(self.worlds[0].telegram.called("mute")), False
            await self.clock.sleep(CALM_SECONDS)
            for task in working:
                task.cancel()
        for world in self.worlds:
            await world.spawner.finished()


async def _storm(texts: Catalogs, dice: random.Random, *, pace: float, is_pressed: bool) -> Storm:
    clock = LoopClock()
    first = World(texts, clock=clock, telegram=Telegram())
    await first.open(replace(LOUNGE, channels=LOUNGE.channels[:1]))
    worlds = [first, *(World(texts, beside=first) for _ in range(INSTANCES - 1))]
    for world in worlds[1:]:
        await world.directory.refresh()
    storm = Storm(clock, worlds, dice)
    await storm.live(pace, is_pressed=is_pressed)
    return storm


@pytest.mark.parametrize(
    ("pace", "is_pressed", "fewest"),
    [
        # Presses take most of the places there are: the moment a pause ends must not be missed.
        (0.5, True, 18),
        # A hundred come: places must not be spent on beginning work that cannot be ended.
        (2.0, False, 30),
    ],
)
def test_in_a_storm_of_pauses_cases_get_through(texts: Catalogs, pace: float, fewest: int, *, is_pressed: bool) -> None:
    """What is begun is brought to its end and not given up: some are muted meanwhile, the others right after it."""
    muted = 0
    for seed in range(6):
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            storm = runner.run(_storm(texts, random.Random(seed), pace=pace, is_pressed=is_pressed))
        muted += storm.muted
        world = storm.worlds[0]
        members = world.telegram.in_channel[NEWS]
        begun = [row for row in world.store.rows.values() if row.case.done is not Done.NOTHING]
        held = {row.case.user_id for row in begun if not row.closed}

        assert held == {row.case.user_id for row in begun} - members
        assert all(world.muted(user) for user in held)
        assert not any(world.muted(user) for user in members)

    assert muted >= fewest
