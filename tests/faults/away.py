"""Two instances with a proxy before everything they need, people whose rights are known, and what must hold always."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import cast
from urllib.parse import urlsplit

import aiohttp
import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from bot.simulator import User
from tests.faults.proxy import Proxy, proxied
from tests.kits.platform import Lounge, Platform, eventually

# A few seconds after the end of an outage everything is as it was; a busy machine is given more.
RECOVERY_SECONDS = 30.0
# A known member waits for nothing that is away, neither for a question of 0.3 s nor for a connection of seconds.
UNHINDERED_SECONDS = 0.3


@dataclass
class Outside:
    """The world with its faults. Updates go to the first instance, unless a test says otherwise."""

    lounge: Lounge
    platform: Platform
    postgres: Proxy
    redis: Proxy
    telegram: Proxy
    front: Proxy
    first: str
    second: str
    newcomer: User
    """In the channels, but no instance knows of it."""
    muted: User
    """Muted before the outage."""
    start: Callable[[], AbstractAsyncContextManager[str]]
    """Runs one more instance behind the same proxies."""

    def deliver_to(self, url: str) -> None:
        """Let one of the instances have the updates from now on."""
        self.front.target = urlsplit(url).port or 0
        self.front.reset()

    async def status(self, url: str | None = None) -> str:
        """Return what `/health` says; "silent" when it says nothing within 5 s."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            try:
                async with session.get(f"{url or self.first}/health") as answer:
                    return str(json.loads(await answer.read())["status"])
            except (aiohttp.ClientError, TimeoutError):
                return "silent"

    async def until_status(self, *wanted: str, within: float = RECOVERY_SECONDS) -> None:
        """Wait until `/health` says one of these."""

        async def reached() -> bool:
            return await self.status() in wanted

        await eventually(reached, f"health is {wanted}", within=within)

    async def a_known_member_speaks(self) -> float:
        """Have a verified member write; return how long the instance took to say 200."""
        before, started = len(self.lounge.sim.deliveries), time.monotonic()
        self.lounge.sim.say(self.lounge.member, self.lounge.group, "I am known")

        def answered() -> bool:
            fresh = self.lounge.sim.deliveries[before:]
            return any(each.status == 200 and each.kind == "message" for each in fresh)

        await eventually(answered, "the message of a known member is answered with 200")
        return time.monotonic() - started

    async def assert_known_members_speak(self) -> None:
        """Check that nothing holds them up; the machine may, now and then."""
        took = [await self.a_known_member_speaks() for _ in range(5)]

        assert median(took) < UNHINDERED_SECONDS, took

    def assert_only_strangers_were_muted(self) -> None:
        """Check every mute there ever was: of nobody who is in the channel."""
        strangers = {self.lounge.stranger.id, self.muted.id}
        touched = {call.params["user_id"] for call in self.lounge.calls("restrictChatMember")}

        assert touched <= strangers

    async def is_away(self, url: str) -> bool:
        """Whether an instance says that PostgreSQL is away."""
        return await self._measures(url, "gmbot_database_away 1.0")

    async def until_all_know_of(self, groups: int) -> None:
        """Wait until both instances have so many protected groups in memory."""
        for url in (self.first, self.second):
            known = partial(self._measures, url, f"gmbot_protected_groups {groups}.0")
            await eventually(known, "the group is known everywhere", within=30)

    async def _measures(self, url: str, line: str) -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            return line in (await answer.text())

    async def until_answered(self, kind: str, status: int, *, since: int) -> None:
        """Wait until an update of a kind is answered so, after so many deliveries."""

        def answered() -> bool:
            return status in {each.status for each in self.lounge.sim.deliveries[since:] if each.kind == kind}

        await eventually(answered, f"{kind} is answered with {status}", within=RECOVERY_SECONDS)

    async def cases_of(self, user: User) -> list[asyncpg.Record]:
        """Return somebody's cases, open and closed."""
        return await self.platform.fetch("SELECT * FROM restrictions WHERE user_id = $1", user.id)

    async def lose_redis(self) -> None:
        """Have Redis forget everything."""
        client = Redis.from_url(self.platform.redis_url)
        await client.flushall()
        await client.aclose()

    async def copies_are_whole(self) -> bool:
        """Whether Redis says that it has the copies of all open cases."""
        client = Redis.from_url(self.platform.redis_url)
        try:
            return bool(await client.exists("gmbot:cases:whole"))
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()

    async def let_nobody_be_taken_for_dead(self) -> None:
        """Have every heart beat on, however busy the machine is: nobody takes over what another is at."""
        await self.platform.fetch(
            "CREATE FUNCTION immortal() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.beat_at = now() + interval '1 hour'; RETURN NEW; END $$"
        )
        await self.platform.fetch(
            "CREATE TRIGGER immortal BEFORE INSERT OR UPDATE ON instances FOR EACH ROW EXECUTE FUNCTION immortal()"
        )
        await self.platform.fetch("UPDATE instances SET beat_at = now()")

    async def until_nothing_is_kept(self) -> None:
        """Wait until no kept update is left."""
        client = Redis.from_url(self.platform.redis_url)

        async def empty() -> bool:
            return [key async for key in client.scan_iter(match="gmbot:kept:*")] == []

        await eventually(empty, "what was kept is done", within=30)
        await client.aclose()

    async def fill_with_commands(self) -> None:
        """Leave no room for another command; those that are there mean nothing."""
        client, bot = Redis.from_url(self.platform.redis_url), self.lounge.bot.id
        async with client.pipeline() as pipeline:
            for number in range(1000):
                fields = {"key": f"junk:{number}", "bot": bot, "update": number, "body": b"{}"}
                pipeline.xadd(f"gmbot:kept:{{commands}}:{bot}", cast("dict[FieldT, EncodableT]", fields))
            pipeline.sadd("gmbot:kept:{commands}:bots", bot)
            await pipeline.execute()
        await client.aclose()

    async def live_on(self) -> None:
        """Prove that everything works again: health, gate, prompt, lift, sweep, heartbeats and subscriptions."""
        await self.until_status("healthy")
        await self.lounge.sim.settled(RECOVERY_SECONDS)
        stranger, sim = self.lounge.stranger, self.lounge.sim
        if not self.lounge.muted(stranger):
            sim.say(stranger, self.lounge.group, "may I?")
        await eventually(lambda: self.lounge.muted(stranger), "the stranger is muted", within=RECOVERY_SECONDS)
        await eventually(lambda: len(self.lounge.prompts(stranger)) == 1, "and prompted", within=RECOVERY_SECONDS)
        await self._hear_of_a_join()
        await self._sweep()
        await self._beat()

    async def _hear_of_a_join(self) -> None:
        """Let the second instance hear of the stranger's join: the first knows it without a question."""
        stranger, sim = self.lounge.stranger, self.lounge.sim
        self.deliver_to(self.second)
        sim.join(stranger, self.lounge.news)
        await eventually(lambda: not self.lounge.muted(stranger), "the stranger is free", within=RECOVERY_SECONDS)
        await sim.settled(RECOVERY_SECONDS)
        await self.platform.at_rest()
        asked = self._asked_about(stranger)
        self.deliver_to(self.first)
        sim.say(stranger, self.lounge.group, "thank you")
        await sim.settled(RECOVERY_SECONDS)
        await self.platform.at_rest()

        assert self._asked_about(stranger) == asked

    def _asked_about(self, user: User) -> int:
        return sum(call.params["user_id"] == user.id for call in self.lounge.calls("getChatMember"))

    async def _sweep(self) -> None:
        await self.platform.fetch("UPDATE restrictions SET due_at = now() WHERE closed_at IS NULL")
        await self.platform.at_rest()

    async def _beat(self) -> None:
        async def beating() -> bool:
            query = "SELECT 1 FROM instances WHERE beat_at > now() - interval '1.5 seconds'"
            return len(await self.platform.fetch(query)) == 2

        await eventually(beating, "both instances beat", within=RECOVERY_SECONDS)


@asynccontextmanager
async def outside_of(lounge: Lounge, platform: Platform) -> AsyncIterator[Outside]:
    """Start both instances, protect the group, and mute somebody."""
    async with AsyncExitStack() as stack:
        postgres, redis, telegram = [
            await stack.enter_async_context(proxied(url))
            for url in (platform.database_url, platform.redis_url, platform.sim.url)
        ]
        front = await stack.enter_async_context(proxied(platform.sim.url))
        start = partial(
            platform.instance,
            WEBHOOK_URL=f"http://127.0.0.1:{front.port}",
            DATABASE_URL=postgres.url(platform.database_url),
            REDIS_URL=redis.url(platform.redis_url),
            TELEGRAM_API_URL=telegram.url(platform.sim.url),
        )
        first = await stack.enter_async_context(start())
        second = await stack.enter_async_context(start())
        newcomer, muted = lounge.sim.add_user("Nora"), lounge.sim.add_user("Max")
        outside = Outside(lounge, platform, postgres, redis, telegram, front, first, second, newcomer, muted, start)
        outside.deliver_to(first)
        await platform.webhook_is_set()
        # Before the group is protected, so that no instance learns of it.
        for chat in (lounge.news, lounge.group):
            lounge.sim.join(newcomer, chat)
        await lounge.sim.settled(10)
        await lounge.protect(lounge.news)
        await _people(outside)
        yield outside


async def _people(outside: Outside) -> None:
    lounge = outside.lounge
    lounge.sim.say(lounge.member, lounge.group, "hello")
    lounge.sim.join(outside.muted, lounge.group)
    await lounge.until_muted(outside.muted)
    await eventually(lambda: len(lounge.prompts(outside.muted)) == 1, "the prompt is there")
    await lounge.sim.settled(10)
    await outside.platform.at_rest()
    await outside.until_status("healthy")
