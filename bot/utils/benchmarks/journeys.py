"""Messages and joins on their whole way through one instance, with the simulator as Telegram."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count

from bot.core.clock import SystemClock
from bot.domain.ids import BotId
from bot.simulator import Bot, Chat, Fault, User
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.load import Caller, request
from bot.utils.benchmarks.metrics import verified
from bot.utils.benchmarks.population import Member, message
from bot.utils.benchmarks.processes import BenchmarkError, Server
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage

_SECTION = "journeys"
_LATENCY_SECONDS = 0.05
_IDENTICAL = 100
_ASKERS = 100
_PATIENCE_SECONDS = 10.0
_READING_SECONDS = 0.05
# Groups show a crowd one prompt; so few in a minute have their own each.
_STRANGERS_IN_A_GROUP = 4
# Prompts for strangers one after the other; Telegram's own limits would make each minute's 21st wait.
_UNHURRIED: Mapping[str, str] = {"RATE_LIMIT_GLOBAL": "1000", "RATE_LIMIT_PER_CHAT": "1000"}


class Journeys:
    """A group that requires two channels, and people of whom the instance has never heard."""

    def __init__(self, stage: Stage, effort: Effort, report: Report) -> None:
        self._stage = stage
        self._simulator = stage.simulator
        self._effort = effort
        self._report = report
        self._updates = count(500_000_000)
        self.owner = self._simulator.add_user("Olivia")
        self.channels = [
            self._simulator.add_channel(f"Required {n}", owner=self.owner, username=f"required_{n}") for n in (1, 2)
        ]
        self.group = self._simulator.add_group("Journeys", owner=self.owner)
        self._halls = [
            self._simulator.add_group(f"Hall {n}", owner=self.owner)
            for n in range(-(-effort.journeys // _STRANGERS_IN_A_GROUP))
        ]
        # The bot is told of nobody who was there before it.
        self._members = iter([self._member(n) for n in range(2 * _IDENTICAL + 3 * effort.journeys + 20)])
        self._strangers = [
            (self._simulator.add_user(f"Sam{n}"), self._halls[n // _STRANGERS_IN_A_GROUP])
            for n in range(effort.journeys)
        ]
        for stranger, hall in self._strangers:
            for chat in (self.channels[0], hall):
                self._simulator.join(stranger, chat)
        self.bot = self._furnish()

    async def run(self) -> None:
        """Measure everything on one instance."""
        database_url = await self._stage.database()
        async with self._stage.instance(
            "gmbot", token=self.bot.token, database_url=database_url, settings=_UNHURRIED
        ) as server:
            names = " ".join(f"@{channel.username}" for channel in self.channels)
            for group in (self.group, *self._halls):
                self._simulator.say(self.owner, group, f"/protect {names}")
            await self._simulator.settled(_PATIENCE_SECONDS)
            async with _caller(server) as caller:
                await self._first_messages(caller)
                await self._repeated_messages(server, caller)
                await self._crowds(caller)
            await self._joins()

    def _member(self, number: int) -> User:
        user = self._simulator.add_user(f"Mia{number}")
        for chat in (*self.channels, self.group):
            self._simulator.join(user, chat)
        return user

    def _furnish(self) -> Bot:
        bot = self._simulator.add_bot("journeys_bot")
        for channel in self.channels:
            self._simulator.promote(channel, bot, can_invite_users=True)
        for group in (self.group, *self._halls):
            self._simulator.add_member(group, bot)
            self._simulator.promote(group, bot, can_restrict_members=True, can_delete_messages=True)
        return bot

    def _says(self, user: User) -> bytes:
        number = next(self._updates)
        body = message(Member(BotId(self.bot.id), self.group.id, self.channels[0].id, user.id), number)
        return request(f"/telegram/{self.bot.id}", body, secret=self._stage.secret(BotId(self.bot.id)))

    async def _first_messages(self, caller: Caller) -> None:
        """Time the first messages of members, whom Telegram has to be asked about."""
        fault = self._simulator.faults.add(
            Fault(kind="delay", method="getChatMember", times=None, seconds=_LATENCY_SECONDS)
        )
        took = [await caller.post(self._says(next(self._members))) for _ in range(self._effort.journeys)]
        self._simulator.faults.remove(fault)
        title = "first message of a member, the Bot API taking 50 ms"
        self._report.sampled(_SECTION, title, took, "ms", p95=Target("<", 100))

    async def _repeated_messages(self, server: Server, caller: Caller) -> None:
        """Compare the same message again and again with messages that each need an answer of Telegram."""
        without = [await caller.post(self._says(next(self._members))) for _ in range(_IDENTICAL)]
        user, before = next(self._members), await verified(server.port)
        took = [await caller.post(self._says(user)) for _ in range(_IDENTICAL)]
        hits = await verified(server.port) - before
        self._report.sampled(_SECTION, "first message of a member, the Bot API taking 0 ms", without, "ms")
        self._report.sampled(_SECTION, "100 messages of one member, the first of them unknown", took, "ms")
        self._report.single(_SECTION, "of these from memory", 100 * hits / _IDENTICAL, "%", Target(">", 95))
        self._report.single(_SECTION, "times faster than without cache", sum(without) / sum(took), "x", Target(">=", 5))
        calls, messages = len(self._simulator.calls), self._effort.journeys * 5
        for _ in range(messages):
            await caller.post(self._says(user))
        # What an instance asks on its own account, about itself and its webhook, has nothing to do with them.
        asked = sum(self._concerns(call.params, user) for call in self._simulator.calls[calls:]) / messages
        self._report.single(_SECTION, "Bot API calls per message of a verified member", asked, "", Target("<=", 0))

    def _concerns(self, params: object, user: User) -> bool:
        """Whether a call is about a user, or about what is said in the group."""
        return _about(params, user) or (isinstance(params, dict) and str(params.get("chat_id")) == str(self.group.id))

    async def _crowds(self, caller: Caller) -> None:
        """Let a hundred updates of somebody unknown come at once."""
        fault = self._simulator.faults.add(
            Fault(kind="delay", method="getChatMember", times=None, seconds=_LATENCY_SECONDS)
        )
        most = 0
        for _ in range(5):
            user = next(self._members)
            await asyncio.gather(*(caller.post(self._says(user)) for _ in range(_ASKERS)))
            asked = [call for call in self._simulator.calls_of("getChatMember") if _about(call.params, user)]
            most = max(most, *(sum(_about(call.params, user, chat) for call in asked) for chat in self.channels))
        self._simulator.faults.remove(fault)
        title = f"Bot API calls per channel for {_ASKERS} updates at once of somebody unknown, at most"
        self._report.single(_SECTION, title, most, "", Target("<=", 1))

    async def _joins(self) -> None:
        """Time what passes between a channel's `chat_member` update and the end of the call that frees the member."""
        took = [await self._mute_and_free(stranger, hall) for stranger, hall in self._strangers]
        title = "from the channel's update to the member's freedom, the Bot API taking 0 ms"
        self._report.sampled(_SECTION, title, took, "ms", p95=Target("<", 20))

    async def _mute_and_free(self, stranger: User, hall: Chat) -> float:
        def speaks() -> bool:
            return self._simulator.can_speak(hall, stranger)

        prompts = len(self._simulator.calls_of("sendMessage"))
        self._simulator.say(stranger, hall, "hello")
        await self._until("a mute", lambda: not speaks())
        await self._until("a prompt", lambda: len(self._simulator.calls_of("sendMessage")) > prompts)
        # Nobody joins in the moment in which the prompt appears: what follows it is written down by then.
        await SystemClock().sleep(_READING_SECONDS)
        self._simulator.join(stranger, self.channels[1])
        await self._until("a lift", speaks)
        took = self._freed_after(stranger)
        await self._simulator.settled(_PATIENCE_SECONDS)
        return took

    async def _until(self, what: str, holds: Callable[[], bool]) -> None:
        clock = SystemClock()
        deadline = clock.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if clock.monotonic() > deadline:
                raise BenchmarkError(f"not in time: {what}")
            await clock.sleep(0.005)

    def _freed_after(self, user: User) -> float:
        lift = next(
            call for call in reversed(self._simulator.calls_of("restrictChatMember")) if _about(call.params, user)
        )
        joined = next(
            each
            for each in reversed(self._simulator.deliveries)
            if each.kind == "chat_member" and each.started <= lift.at
        )
        return (lift.at + lift.seconds - joined.started) * 1000


def _about(params: object, user: User, chat: Chat | None = None) -> bool:
    if not isinstance(params, dict):
        return False
    return str(params.get("user_id")) == str(user.id) and (chat is None or str(params.get("chat_id")) == str(chat.id))


@asynccontextmanager
async def _caller(server: Server) -> AsyncIterator[Caller]:
    caller = Caller(server.port)
    try:
        yield caller
    finally:
        caller.close()
