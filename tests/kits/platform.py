"""A whole GMBot beside the simulator: instances in this process or of their own, and the ready-made lounge."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, cast

import aiohttp
import asyncpg
import pytest

from bot.app import Mode, running
from bot.cli.running import serving
from bot.core.crypto import Vault
from bot.core.settings import Settings
from bot.domain.secret import Secret
from bot.simulator import Bot, Call, Chat, Message, Simulator, User
from tests.kits.leaks import assert_no_token, assert_none_stored, process_list

ENCRYPTION_KEY = "a key that only the tests know"
# What takes moments takes longer on a busy machine; a promise of how long something takes names its own time.
PATIENCE_SECONDS = 30.0


async def eventually(
    holds: Callable[[], bool | Awaitable[bool]], what: str, *, within: float = PATIENCE_SECONDS
) -> None:
    """Wait until something holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + within
    while True:
        outcome = holds()
        if isinstance(outcome, Awaitable):
            outcome = await outcome
        if outcome:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within:g} s: {what}")
        await asyncio.sleep(0.01)


@dataclass
class Lounge:
    """A group, two channels, the people in them, and the bot with all rights."""

    sim: Simulator
    bot: Bot
    owner: User
    member: User
    stranger: User
    news: Chat
    insiders: Chat
    group: Chat

    async def protect(self, *channels: Chat) -> None:
        """Have the owner protect the group."""
        names = " ".join(f"@{channel.username}" if channel.username else str(channel.id) for channel in channels)
        sent = self.sim.say(self.owner, self.group, f"/protect {names}")
        await eventually(lambda: self.answered(sent), "an answer to /protect")
        await self.settled()

    def answered(self, sent: Message) -> bool:
        """Whether the bot has said something after a message. It may have taken other things back meanwhile."""
        later = [message for message in self.sim.messages(sent.chat) if message.id > sent.id]
        return any(message.sender is not None and message.sender.id == self.bot.id for message in later)

    async def settled(self) -> None:
        """Wait until every update is acknowledged and every case rests."""
        await self.sim.settled()

    def said(self, chat: Chat | None = None) -> list[str]:
        """Return what the bot has said that still stands."""
        return [
            message.text or ""
            for message in self.sim.messages(chat or self.group)
            if message.sender is not None and message.sender.id == self.bot.id
        ]

    def prompts(self, user: User, group: Chat | None = None) -> list[Message]:
        """Return the prompts that name the user and still stand."""
        return [
            message
            for message in self.sim.messages(group or self.group)
            if message.sender is not None
            and message.sender.id == self.bot.id
            and user.first_name in (message.text or "")
        ]

    async def until_running(self, method: str) -> None:
        """Wait until a call of this method is under way."""
        await eventually(lambda: any(call.is_running for call in self.calls(method)), f"{method} is under way")

    def muted(self, user: User, group: Chat | None = None) -> bool:
        """Whether the user cannot write."""
        return not self.sim.can_speak(group or self.group, user)

    async def until_muted(self, user: User, group: Chat | None = None) -> None:
        """Wait for a mute."""
        await eventually(lambda: self.muted(user, group), f"{user.first_name} is muted")

    async def until_free(self, user: User, group: Chat | None = None) -> None:
        """Wait for freedom."""
        await eventually(lambda: not self.muted(user, group), f"{user.first_name} is free")

    async def until_said(self, part: str, chat: Chat | None = None) -> None:
        """Wait until the bot has said something with `part` in it."""
        await eventually(lambda: any(part in text for text in self.said(chat)), f"the bot says {part!r}")

    def calls(self, *methods: str) -> list[Call]:
        """Return the bot's calls of these methods."""
        return self.sim.calls_of(*methods)


def buttons_of(message: Message) -> list[list[dict[str, str]]]:
    """Return the rows of a message's inline buttons."""
    return cast("list[list[dict[str, str]]]", (message.buttons or {}).get("inline_keyboard", []))


def add_group(sim: Simulator, bot: Bot, owner: User, title: str) -> Chat:
    """Make a group in which the bot has the rights it needs."""
    group = sim.add_group(title, owner=owner)
    sim.add_member(group, bot)
    sim.promote(group, bot, can_restrict_members=True, can_delete_messages=True, can_invite_users=True)
    return group


def furnish(sim: Simulator) -> Lounge:
    """Build the lounge."""
    bot = sim.add_bot(username="gate_bot", first_name="Gate")
    owner, member, stranger = sim.add_user("Olivia"), sim.add_user("Mia"), sim.add_user("Sam")
    news = sim.add_channel("News", owner=owner, username="gm_news")
    insiders = sim.add_channel("Insiders", owner=owner)
    for channel in (news, insiders):
        sim.promote(channel, bot, can_invite_users=True)
        sim.join(member, channel)
    group = add_group(sim, bot, owner, "Lounge")
    for user in (member, stranger):
        sim.join(user, group)
    sim.forget_updates()
    return Lounge(sim, bot, owner, member, stranger, news, insiders, group)


@dataclass
class Platform:
    """Starts instances for the simulator's bot."""

    sim: Simulator
    database_url: str
    redis_url: str
    bot: Bot

    def environment(self, port: int, **changes: str) -> dict[str, str]:
        """Return an instance's environment; `changes` come on top."""
        return {
            "BOT_TOKEN": self.bot.token,
            "TELEGRAM_API_URL": self.sim.url,
            "WEBHOOK_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "ENCRYPTION_KEY": ENCRYPTION_KEY,
            # Some hundred calls that most tests have nothing to do with.
            "BOT_MENU": "0",
            **changes,
        }

    @asynccontextmanager
    async def instance(self, *, polling: bool = False, **changes: str) -> AsyncIterator[str]:
        """Run one instance in this process; yields its base URL."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            port = listener.getsockname()[1]
            settings = Settings.from_env(self.environment(port, **changes))
            async with running(settings, Mode(polling=polling)) as site, serving(site, listener):
                yield f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def process(self, port: int, **changes: str) -> AsyncIterator["Instance"]:
        """Run one instance as a process of its own, ready when the block begins, gone when it ends."""
        async with self._process(port, "webhook", changes) as instance:
            yield instance

    @asynccontextmanager
    async def poller(self, port: int, **changes: str) -> AsyncIterator["Instance"]:
        """Run one instance that polls, as a process of its own."""
        async with self._process(port, "polling", changes) as instance:
            yield instance

    @asynccontextmanager
    async def _process(self, port: int, mode: str, changes: dict[str, str]) -> AsyncIterator["Instance"]:
        instance = Instance(port)
        environment = {**os.environ, **self.environment(instance.port, **changes)}
        await instance.start(environment, mode=mode)
        try:
            await instance.until_ready()
            yield instance
            assert_no_token("the process list", process_list())
            await assert_clean_metrics(instance.url)
        finally:
            await instance.stop()

    async def host(self, *bots: Bot) -> None:
        """Have the instances that start from now on serve these bots, too."""
        vault = Vault(ENCRYPTION_KEY)
        for bot in bots:
            await self.fetch(
                "INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, $2, $3)",
                bot.id,
                bot.username,
                vault.seal(Secret(bot.token)),
            )

    async def webhook_is_set(self) -> None:
        """Wait until Telegram knows where to deliver."""
        await eventually(lambda: bool(self.sim.calls_of("setWebhook")), "the webhook is set")

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Look into the database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetch(query, *values)
        finally:
            await connection.close()

    async def open_cases(self) -> list[asyncpg.Record]:
        """Return the cases that are open."""
        return await self.fetch("SELECT * FROM restrictions WHERE closed_at IS NULL ORDER BY restriction_id")

    async def asked_late(self) -> Counter[int]:
        """Count by user the cases that were opened because an update did not wait any longer for Telegram's answer.

        So it may be on a busy machine: the words pass, and a worker asks once more.
        """
        late = "SELECT user_id FROM verification_events WHERE outcome = 'stopped' AND channels = '{}'"
        return Counter(row["user_id"] for row in await self.fetch(late))

    async def idle(self) -> None:
        """Wait until nobody works on a case, nor should at this moment; what waits for a time of its own may wait."""

        async def idle() -> bool:
            return not await self.fetch("SELECT 1 FROM restrictions WHERE lease_owner IS NOT NULL OR due_at <= now()")

        await eventually(idle, "nobody works on a case")

    async def at_rest(self, *, within: float = PATIENCE_SECONDS) -> None:
        """Wait until no open case waits for a worker."""

        async def resting() -> bool:
            due = await self.fetch(
                "SELECT 1 FROM restrictions"
                # A case that rests is due again when its prompt grows old; one that was refused, within a day.
                " WHERE closed_at IS NULL AND (due_at < now() + interval '25 hours' OR lease_owner IS NOT NULL)"
            )
            return not due

        await eventually(resting, "all cases rest", within=within)


class Instance:
    """One `gmbot serve`, as a process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process, None before the first start."""
        return None if self._process is None else self._process.pid

    async def start(
        self,
        environment: dict[str, str],
        *,
        mode: str = "webhook",
        release: Path | None = None,
        output: IO[bytes] | None = None,
    ) -> None:
        """Start it; it is ready later. `release` is a directory with other code; `output` gets what it prints."""
        command = (sys.executable, "-m", "bot", "serve", "--mode", mode)
        self._process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=release, stdout=output, stderr=output
        )

    async def until_ready(self) -> None:
        """Wait until it says that it is ready."""

        async def ready() -> bool:
            return await get(f"{self.url}/readyz") == HTTPStatus.OK

        await eventually(ready, "the instance is ready", within=60)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    async def stop(self) -> int | None:
        """Ask it to end, insist after a while, and return its exit status."""
        if self._process is None:
            return None
        self.terminate()
        try:
            return await asyncio.wait_for(self._process.wait(), timeout=20)
        except TimeoutError:
            self.kill()
            return await self._process.wait()


async def assert_clean_metrics(url: str) -> None:
    """Look for a token in the metrics of an instance, if it still answers."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(f"{url}/metrics") as answer:
                assert_no_token("the metrics", await answer.text())


async def get(url: str) -> int:
    """Return the status of a GET, 0 when nobody answers."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


async def has_heard(url: str, *, groups: int = 1) -> bool:
    """Whether an instance knows of so many protected groups: it hears of one within half a second."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        return f"gmbot_protected_groups {groups}.0" in await answer.text()


@asynccontextmanager
async def balancer(port: int, *targets: int, in_turn: bool = False) -> AsyncIterator[None]:
    """Forward each connection to the first target that accepts it, as nginx does with a dead upstream.

    `in_turn` begins with another target each time, so that all get their share.
    """
    connections = itertools.count()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(connections) % len(targets) if in_turn else 0
        for target in (*targets[first:], *targets[:first]):
            try:
                upstream = await asyncio.open_connection("127.0.0.1", target)
            except OSError:
                continue
            await asyncio.gather(pipe(reader, upstream[1]), pipe(upstream[0], writer))
            return
        writer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


@pytest.fixture
def lounge(sim: Simulator) -> Lounge:
    """Build the lounge in a simulator."""
    return furnish(sim)


@pytest.fixture
async def platform(
    sim: Simulator, lounge: Lounge, database_url: str, redis_url: str, request: pytest.FixtureRequest
) -> AsyncIterator[Platform]:
    """Prepare to start instances for the lounge's bot; where operators act, no token may be stored at the end."""
    yield Platform(sim, database_url, redis_url, lounge.bot)
    if request.path.parent.name == "operators":
        await assert_none_stored(database_url, redis_url)


@pytest.fixture
async def instance(platform: Platform) -> AsyncIterator[str]:
    """Run one instance by webhook."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(platform.instance())
        await platform.webhook_is_set()
        await platform.sim.settled()
        yield url
