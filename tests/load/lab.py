"""A whole GMBot as a process of its own, beside a simulator, and a client that posts updates as Telegram does."""

import asyncio
import itertools
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from bot.core.embedded import EmbeddedServers
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.simulator import Fault, Simulator, User
from bot.simulator.model import Member
from tests.kits.platform import Lounge, Platform, furnish
from tests.kits.ports import free_port
from tests.kits.servers import fresh_database

SECRET = "the-secret-of-the-load-tests"
API_SECONDS = 0.05
"""How long the simulated Telegram takes for a question."""

_ASKED_SECONDS = 30.0
_DELIVERIES = 10

# Numbers that the simulator's own updates do not reach.
_FIRST_UPDATE = 1_500_000_000


@dataclass
class Lab:
    """The instance under load. It guards the lounge by one channel."""

    lounge: Lounge
    platform: Platform
    database: Database
    session: aiohttp.ClientSession
    url: str
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(_FIRST_UPDATE))

    @property
    def sim(self) -> Simulator:
        """The simulated Telegram."""
        return self.lounge.sim

    @property
    def headers(self) -> dict[str, str]:
        """What Telegram sends with an update."""
        return {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}

    @property
    def webhook(self) -> str:
        """Where Telegram posts updates."""
        return f"{self.url}/telegram/{self.lounge.bot.id}"

    def newcomers(self, count: int) -> list[User]:
        """Make members of the channel of whom no instance has heard."""
        users = [self.sim.add_user(f"Guest {next(self.numbers)}") for _ in range(count)]
        for user in users:
            self.lounge.news.members[user.id] = Member(user, "member")
        return users

    def message(self, user: User) -> bytes:
        """Return an update: somebody writes in the group."""
        number = next(self.numbers)
        chat = {"id": self.lounge.group.id, "type": "supergroup", "title": self.lounge.group.title}
        sender = {"id": user.id, "is_bot": False, "first_name": user.first_name}
        message = {"message_id": number, "date": 1_770_000_000, "chat": chat, "from": sender, "text": "hello"}
        return json.dumps({"update_id": number, "message": message}).encode()

    async def post(self, body: bytes) -> int:
        """Post an update and return the status; 0 when there is no answer."""
        try:
            async with self.session.post(self.webhook, data=body, headers=self.headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def deliver(self, body: bytes) -> int:
        """Post an update as Telegram does: one that is too busy says 503, and gets it again in a second."""
        for _ in range(_DELIVERIES):
            if (status := await self.post(body)) != HTTPStatus.SERVICE_UNAVAILABLE:
                return status
            await asyncio.sleep(1)
        return HTTPStatus.SERVICE_UNAVAILABLE

    async def nothing(self) -> int:
        """Ask for something that costs the instance nothing."""
        try:
            async with self.session.get(f"{self.url}/livez") as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    def questions(self) -> int:
        """Count the questions that Telegram was asked about people in the channel."""
        return len(self._asked())

    async def unverified(self, people: Iterable[User]) -> list[User]:
        """Return those of whom Telegram is not asked within some seconds.

        An update waits 300 ms for its verification; the question goes on when a busy machine needs longer.
        """
        deadline = time.monotonic() + _ASKED_SECONDS
        while True:
            left = self._not_asked(people)
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(0.05)

    async def repeated(self, people: Iterable[User]) -> int:
        """Count the questions about these people beyond one each.

        Whose answer came later than an update waits for it is not counted: a worker asks until there is one.
        """
        asked, late = Counter(self._asked()), await self.platform.asked_late()
        return sum(max(0, asked[user.id] - 1) for user in people if user.id not in late)

    def muted(self, people: Iterable[User]) -> list[User]:
        """Return those whom the bot has restricted: all are in the channel."""
        touched = {call.params["user_id"] for call in self.sim.calls_of("restrictChatMember")}
        return [user for user in people if user.id in touched]

    def _not_asked(self, people: Iterable[User]) -> list[User]:
        asked = set(self._asked())
        return [user for user in people if user.id not in asked]

    def _asked(self) -> list[object]:
        news, bot = self.lounge.news.id, self.lounge.bot.id
        asked = [call.params for call in self.sim.calls_of("getChatMember")]
        return [params["user_id"] for params in asked if params["chat_id"] == news and params["user_id"] != bot]


@asynccontextmanager
async def open_lab(servers: EmbeddedServers) -> AsyncIterator[Lab]:
    """Start the instance and protect the lounge."""
    async with AsyncExitStack() as stack:
        database_url = await stack.enter_async_context(fresh_database(servers))
        sim = await stack.enter_async_context(Simulator(seed=secrets.randbelow(1 << 30)).serving())
        lounge = furnish(sim)
        platform = Platform(sim, database_url, servers.redis_url, lounge.bot)
        instance = await stack.enter_async_context(
            platform.process(free_port(), WEBHOOK_SECRET=SECRET, LOG_LEVEL="error")
        )
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30))
        )
        database = await stack.enter_async_context(
            open_database(database_url, pool_size=10, statements=load_statements())
        )
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        lab = Lab(lounge, platform, database, session, instance.url)
        # The first update of a bot makes its handlers and asks Telegram who it is.
        for user in lab.newcomers(5):
            await lab.post(lab.message(user))
        sim.faults.add(Fault(kind="delay", method="getChatMember", seconds=API_SECONDS, times=None))
        yield lab
