"""Membership answers: this process first, then Redis, which every instance shares."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from bot.core.cache import Key, LocalCache, get_ttl_with_jitter
from bot.core.clock import SystemClock
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership, Stamp

_EVENTS = "gmbot:membership"
_CONFIG = "gmbot:config"
_COUNTER = "gmbot:generation"
# A question in flight lives seconds; its generation is kept for two minutes.
_GENERATION_MS = 120_000
_PING_SECONDS = 1.0
_AWAY = (RedisError, OSError, TimeoutError)

log = structlog.stdlib.get_logger()


class MembershipAnswers:
    """Answers with a jittered time to live. Without Redis it goes on with this process' memory alone."""

    def __init__(
        self, *, redis: "Redis", local: LocalCache, clock: SystemClock, positive: int, negative: int, jitter: int
    ) -> None:
        self._redis = redis
        self._local = local
        self._clock = clock
        self._ttl = {Membership.MEMBER: positive, Membership.ABSENT: negative}
        self._jitter = jitter
        self._read = _script(redis, "read")
        self._begin = _script(redis, "begin")
        self._store = _script(redis, "store")
        self._record = _script(redis, "record")
        # Replies of Redis that are on their way; an event about the same key overtakes them.
        self._expected: dict[Key, object] = {}

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        """Look in this process only."""
        return self._local.get((bot, channel, user))

    async def read(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        """Look in Redis, in one round trip; without it nothing is known."""
        now = self._now_ms()
        keys = [_name((bot, channel, user)) for channel in channels]
        expected = [self._expect((bot, channel, user)) for channel in channels]
        try:
            reply = cast("list[bytes]", await self._read(keys=keys, args=[now]))
        except _AWAY:
            for channel in channels:
                self._expected.pop((bot, channel, user), None)
            return {}
        known: dict[ChannelId, Membership] = {}
        for channel, answer, fresh_until, token in zip(channels, reply[0::2], reply[1::2], expected, strict=True):
            if not answer:
                self._expected.pop((bot, channel, user), None)
            else:
                known[channel] = Membership(answer.decode())
                self._take((bot, channel, user), token, known[channel], (int(fresh_until) - now) / 1000)
        return known

    async def begin(self, bot: BotId, user: UserId, channel: ChannelId) -> int:
        """Start a question. Generation 0 means that Redis is away."""
        try:
            keys = [_name((bot, channel, user)), _COUNTER]
            return int(cast("int", await self._begin(keys=keys, args=[_GENERATION_MS])))
        except _AWAY:
            return 0

    async def store(
        self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, generation: int
    ) -> Membership | None:
        """Store an answer unless something newer happened."""
        key = (bot, channel, user)
        seconds, until, keep = self._life(answer)
        if generation == 0:
            self._local.put(key, answer, seconds)
            return answer
        token = self._expect(key)
        try:
            reply = await self._store(keys=[_name(key)], args=[generation, answer.value, until, self._now_ms(), keep])
        except _AWAY:
            self._expected.pop(key, None)
            return answer
        held = cast("bytes", reply).decode()
        if not held:
            self._expected.pop(key, None)
            return None
        self._take(key, token, Membership(held), seconds)
        return Membership(held)

    async def record(self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, stamp: Stamp) -> bool:
        """Store what an event says, on every instance."""
        key = (bot, channel, user)
        seconds, until, keep = self._life(answer)
        message = f"{bot}:{channel}:{user}:{answer.value}:{until}"
        args = [answer.value, until, keep, stamp.date, stamp.update_id, _EVENTS, message]
        try:
            newest = bool(await self._record(keys=[_name(key), _COUNTER], args=args))
        except _AWAY:
            newest = True
        if newest:
            self._expected.pop(key, None)
            self._local.put(key, answer, seconds)
        return newest

    async def publish_config(self) -> None:
        """Tell all instances that the configuration changed. A lost message heals by their polling."""
        try:
            await self._redis.publish(_CONFIG, b"changed")
        except _AWAY:
            log.info("redis.publish_failed")

    def heard(self, message: bytes) -> None:
        """Take over an event that some instance recorded."""
        bot, channel, user, answer, until = message.decode().split(":")
        key = (BotId(int(bot)), ChannelId(int(channel)), UserId(int(user)))
        self._expected.pop(key, None)
        self._local.put(key, Membership(answer), (int(until) - self._now_ms()) / 1000)

    def _expect(self, key: Key) -> object:
        token = object()
        self._expected[key] = token
        return token

    def _take(self, key: Key, token: object, answer: Membership, seconds: float) -> None:
        """Remember a reply of Redis, unless an event or a later question overtook it on the way."""
        if self._expected.get(key) is token:
            del self._expected[key]
            self._local.put(key, answer, seconds)

    def _life(self, answer: Membership) -> tuple[int, int, int]:
        """Return seconds to live, the end of it in Unix milliseconds, and milliseconds for Redis to keep it."""
        seconds = get_ttl_with_jitter(self._ttl[answer], self._jitter)
        return seconds, self._now_ms() + seconds * 1000, max(seconds * 1000, _GENERATION_MS)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


class Subscription:
    """Listens to the other instances; after a break what may have been missed is not trusted."""

    def __init__(
        self,
        *,
        redis: "Redis",
        answers: MembershipAnswers,
        local: LocalCache,
        clock: SystemClock,
        on_config: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._answers = answers
        self._local = local
        self._clock = clock
        self._on_config = on_config
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether events of other instances arrive."""
        return self._connected

    async def run(self) -> None:
        """Listen until cancelled, subscribing again after every break."""
        while True:
            try:
                await self._listen()
            except _AWAY as error:
                if self._connected:
                    log.warning("redis.subscription_lost", error=str(error))
                self._connected = False
                self._local.distrust(60.0)
                await self._clock.sleep(_PING_SECONDS)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(_EVENTS, _CONFIG)
            while True:
                # A silent connection is pinged each second: a cut one is noticed before it costs an event.
                message = await pubsub.get_message(timeout=_PING_SECONDS)
                if message is None:
                    await asyncio.wait_for(pubsub.ping(), timeout=_PING_SECONDS)
                elif message["type"] == "subscribe":
                    self._connected = True
                    self._local.clear()
                elif message["type"] == "message":
                    self._take(message["channel"], message["data"])

    def _take(self, channel: bytes, data: bytes) -> None:
        if channel == _CONFIG.encode():
            self._on_config()
        else:
            self._answers.heard(data)


def _script(redis: "Redis", name: str) -> AsyncScript:
    text = files("bot.core").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return redis.register_script(text)


def _name(key: Key) -> str:
    bot, channel, user = key
    return f"gmbot:member:{bot}:{channel}:{user}"
