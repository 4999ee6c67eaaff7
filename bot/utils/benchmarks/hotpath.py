"""The hot path in this process, from the parser's callbacks to the gate, with everything in memory."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import uvicorn
from uvicorn.server import ServerState

from bot.core.cache import LocalCache
from bot.core.clock import SystemClock
from bot.core.telemetry.metrics import Metrics
from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.membership import Membership
from bot.ingress.fastpath import FastPath
from bot.ingress.gate import Gate
from bot.ingress.parse import Parser
from bot.ingress.receiver import Receiver, Stopgap
from bot.ingress.webhook import Webhook
from bot.services.groups.directory import Directory
from bot.services.membership.activity import Activity
from bot.services.ports.groups import GroupStore
from bot.services.ports.ledger import Inbox
from bot.services.ports.membership import ActivityStore
from bot.utils.benchmarks.load import request
from bot.utils.benchmarks.population import Member, message

_BOT = BotId(6_000_000_001)
_GROUP = GroupId(-1_002_000_000_000)
_CHANNEL = ChannelId(-1_001_000_000_000)
_USER = UserId(5_000_000_001)
_SECRET = "s" * 43


class HotPath:
    """One verified member's message, and everything that it passes through."""

    def __init__(self, directory: Directory) -> None:
        clock = SystemClock()
        local = LocalCache(size=200_000, monotonic=clock.monotonic, life=600)
        local.put((_BOT, _CHANNEL, _USER), Membership.MEMBER, 600)
        self.directory = directory
        self.body = message(Member(_BOT, _GROUP, _CHANNEL, _USER), 1)
        self.request = request(f"/telegram/{_BOT}", self.body, secret=_SECRET)
        self.metrics = Metrics(build={})
        self.parser = Parser()
        self.head = self.parser.head(self.body)
        # Only the hot path is taken, which stores nothing and claims nothing.
        activity = Activity(store=cast("ActivityStore", None), clock=clock)
        self.gate = Gate(groups=directory, memory=_Memory(local), sightings=activity)
        self.receiver = Receiver(
            gate=self.gate,
            inbox=cast("Inbox", None),
            dispatchers={},
            stopgap=cast("Stopgap", None),
            wake=_wake_nobody,
            counter=self.metrics,
            monotonic=clock.monotonic,
        )
        self.webhook = Webhook(receiver=self.receiver, secrets={_BOT: (_SECRET.encode(),)})
        self._headers = [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"x-telegram-bot-api-secret-token", _SECRET.encode()),
            (b"content-length", str(len(self.body)).encode()),
        ]
        self.answers = _Wire()
        config = uvicorn.Config(_nothing, http="httptools", lifespan="off", log_config=None, proxy_headers=False)
        self._connection = FastPath(
            self.webhook,
            config=config,
            server_state=ServerState(),
            app_state={},
            _loop=asyncio.get_running_loop(),
        )
        self._connection.connection_made(self.answers)

    def authenticate(self) -> None:
        """Find the bot and compare the secret."""
        if self.webhook.addressee(b"/telegram/6000000001", self._headers) != _BOT:
            raise AssertionError("the request is authentic")

    def decode(self) -> None:
        """Read the head of the update."""
        self.parser.head(self.body)

    def decide(self) -> None:
        """Ask the gate."""
        if self.gate.passes(_BOT, self.head) != "verified":
            raise AssertionError("the sender is verified")

    def count(self) -> None:
        """Count the update."""
        self.metrics.update("message", "verified")

    def serve(self) -> None:
        """Take the request from the wire and answer it."""
        before = self.answers.written
        self._connection.data_received(self.request)
        if self.answers.written == before:
            raise AssertionError("the request is answered at once")

    @property
    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """The parts, and all of them together with the HTTP parser."""
        return (
            ("find the bot, compare the secret", self.authenticate),
            ("decode the head of the update", self.decode),
            ("decide: group, sender, memberships, sighting", self.decide),
            ("count", self.count),
            ("all of it, with HTTP parsing and keep-alive", self.serve),
        )


async def hot_path() -> HotPath:
    """Build it in the running event loop."""
    directory = Directory(store=cast("GroupStore", _Groups()))
    await directory.refresh()
    return HotPath(directory)


class _Groups:
    """One protected group."""

    async def changed_since(self, seq: int) -> tuple[int, Sequence[ProtectedGroup]]:
        group = ProtectedGroup(
            bot_id=_BOT,
            group_id=_GROUP,
            title="A group of people",
            username=None,
            channels=(Channel(_CHANNEL, "A channel", None, None),),
            configured_by=UserId(1),
        )
        return seq + 1, (group,)


class _Memory:
    """L1 alone."""

    def __init__(self, local: LocalCache) -> None:
        self._local = local

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        return self._local.get((bot, channel, user))


class _Wire(asyncio.Transport):
    """Counts what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        pass


def _wake_nobody(bot: BotId, cases: Sequence[CaseId], *, first: bool = False) -> None:
    del bot, cases, first


async def _nothing(scope: object, receive: object, send: object) -> None:
    del scope, receive, send
    raise AssertionError("the hot path makes no ASGI request")
