"""Membership answers: this process first, then Redis, which every instance shares."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.core.cache import Key, LocalCache, get_ttl_with_jitter
from bot.core.clock import SystemClock
from bot.core.redis.connection import CONFIG_CHANNEL, announce_change, check_redis
from bot.core.redis.scripts import load_script
from bot.core.telemetry.traces import step
from bot.domain.errors import NotReadyError
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership, Stamp
from bot.domain.recent import Recent

_PREFIX = "gmbot:member"
_EVENTS = "gmbot:membership"
_COUNTER = "gmbot:generation"
# A question in flight lives seconds; its generation is kept for two minutes.
_GENERATION_MS = 120_000
# An update waits 300 ms for its verification in all: a Redis that is slower than this is done without.
_ANSWER_SECONDS = 0.15
# Nobody waits for an event to be told, and it matters more.
_EVENT_SECONDS = 1.0
_AWAY_SECONDS = 1.0
_PING_SECONDS = 1.0
_SILENCE_SECONDS = 2.5
_FIRST_PAUSE_SECONDS = 0.1
# Events that Redis has not been told of; beyond this the oldest are left to expire.
_MOST_UNTOLD = 10_000
_UNTOLD_AT_ONCE = 500
_AWAY = (RedisError, OSError, TimeoutError)
_SILENT = (RedisConnectionError, RedisTimeoutError, OSError, TimeoutError)

log = structlog.stdlib.get_logger()


class _Untold(NamedTuple):
    """An event that Redis was not told of, and how many there had been with it."""

    answer: Membership
    stamp: Stamp
    number: int


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
        self._scripts = {name: load_script(redis, name) for name in ("read", "begin", "store", "record")}
        # Replies of Redis that are on their way; an event about the same key overtakes them.
        self._expected: dict[Key, object] = {}
        self._untold: Recent[Key, _Untold] = Recent(_MOST_UNTOLD)
        self._events_untold = 0
        self._away_until = float("-inf")
        self._deaf = False

    @property
    def alone(self) -> bool:
        """Whether this process goes on without Redis, or without the events of other instances."""
        return self._deaf or self._clock.monotonic() < self._away_until

    def deaf(self) -> None:
        """Events of other instances may be missed from now on: a join above all, so that no absence is believed."""
        self._deaf = True
        self._local.distrust(60.0)

    def hearing(self) -> None:
        """Events arrive from now on; what was missed before is unknown."""
        self._deaf = False
        self._expected.clear()
        self._local.clear()

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        """Look in this process only."""
        return self._local.get((bot, channel, user))

    def is_due(self, bot: BotId, user: UserId, channel: ChannelId) -> bool:
        """Whether a membership is known in this process and near its end."""
        return self._local.is_due((bot, channel, user))

    def take_due(self, limit: int) -> Sequence[Key]:
        """Hand out memberships that were recalled near their end, each once."""
        return self._local.take_due(limit)

    async def read(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        """Look in Redis, in one round trip; without it nothing is known."""
        expected = {(bot, channel, user): self._expect((bot, channel, user)) for channel in channels}
        known: dict[ChannelId, Membership] = {}
        try:
            reply = cast("list[bytes]", await self._run("read", [_name(key) for key in expected], []))
            for (key, token), answer, left in zip(expected.items(), reply[0::2], reply[1::2], strict=True):
                if answer:
                    known[key[1]] = Membership(answer.decode())
                    self._take(key, token, known[key[1]], int(left) / 1000)
        except _AWAY:
            return {}
        finally:
            for key, token in expected.items():
                self._forget(key, token)
        return known

    async def begin(self, bot: BotId, user: UserId, channel: ChannelId) -> int:
        """Start a question. Without Redis its number says, below zero, how many events could not be told by then."""
        try:
            keys = [_name((bot, channel, user)), _COUNTER]
            return int(cast("int", await self._run("begin", keys, [_GENERATION_MS])))
        except _AWAY:
            return -self._events_untold

    async def store(
        self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, generation: int
    ) -> Membership | None:
        """Store an answer unless something newer happened."""
        key = (bot, channel, user)
        seconds, keep = self._life(answer)
        if generation <= 0:
            return self._store_here(key, answer, seconds, events=-generation)
        token = self._expect(key)
        try:
            args = [generation, answer.value, seconds * 1000, keep]
            held = cast("bytes", await self._run("store", [_name(key)], args)).decode()
            if not held:
                return None
            self._take(key, token, Membership(held), seconds)
            return Membership(held)
        except _AWAY:
            return answer
        finally:
            self._forget(key, token)

    async def record(self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, stamp: Stamp) -> bool:
        """Store what an event says, on every instance; on those that cannot be reached, as soon as they can."""
        key = (bot, channel, user)
        untold = self._untold.get(key)
        if untold is not None and _order(untold.stamp) > _order(stamp):
            return False
        try:
            newest = await self._tell(key, answer, stamp)
        except _AWAY:
            self._events_untold += 1
            self._untold[key] = _Untold(answer, stamp, self._events_untold)
            newest = True
        else:
            self._told(key, stamp)
        if newest:
            self._expected.pop(key, None)
            self._put(key, answer, self._life(answer)[0])
        return newest

    async def catch_up(self) -> None:
        """Tell some of what could not be told when it happened. Raises what Redis raises when it is still away."""
        for key, untold in list(islice(self._untold.items(), _UNTOLD_AT_ONCE)):
            await self._tell(key, untold.answer, untold.stamp)
            self._told(key, untold.stamp)

    async def publish_config(self) -> None:
        """Tell all instances that the configuration changed. A lost message heals by their polling."""
        await announce_change(self._redis)

    def heard(self, message: bytes) -> None:
        """Take over an event that some instance recorded."""
        try:
            bot, channel, user, answer, seconds = message.decode().split(":")
            key, held, life = (
                (BotId(int(bot)), ChannelId(int(channel)), UserId(int(user))),
                Membership(answer),
                int(seconds),
            )
        except ValueError:
            log.warning("redis.event_unreadable")
            return
        self._expected.pop(key, None)
        self._put(key, held, life)

    async def _tell(self, key: Key, answer: Membership, stamp: Stamp) -> bool:
        bot, channel, user = key
        seconds, keep = self._life(answer)
        message = f"{bot}:{channel}:{user}:{answer.value}:{seconds}"
        args = [answer.value, seconds * 1000, keep, stamp.date, stamp.update_id, _EVENTS, message]
        return bool(await self._run("record", [_name(key), _COUNTER], args, patience=_EVENT_SECONDS))

    def _told(self, key: Key, stamp: Stamp) -> None:
        untold = self._untold.get(key)
        if untold is not None and _order(untold.stamp) <= _order(stamp):
            del self._untold[key]

    async def _run(
        self, script: str, keys: list[str], args: list[str | int], *, patience: float = _ANSWER_SECONDS
    ) -> object:
        """Run a script; after a silence nobody waits for the next one, for a while."""
        if self._clock.monotonic() < self._away_until:
            raise RedisConnectionError("Redis did not answer a moment ago")
        try:
            with step("redis", script):
                async with asyncio.timeout(patience):
                    return cast("object", await self._scripts[script](keys=keys, args=args))
        except _SILENT:
            self._away_until = self._clock.monotonic() + _AWAY_SECONDS
            raise

    def _store_here(self, key: Key, answer: Membership, seconds: int, *, events: int) -> Membership:
        """Keep an answer that Redis has no number for; an event that came after the question knows better."""
        untold = self._untold.get(key)
        held = answer if untold is None or untold.number <= events else untold.answer
        self._put(key, held, seconds)
        return held

    def _put(self, key: Key, answer: Membership, seconds: float) -> None:
        if self._deaf and answer is Membership.ABSENT:
            self._local.drop(key)
        else:
            self._local.put(key, answer, min(seconds, 60.0) if self._deaf else seconds)

    def _expect(self, key: Key) -> object:
        token = object()
        self._expected[key] = token
        return token

    def _forget(self, key: Key, token: object) -> None:
        if self._expected.get(key) is token:
            del self._expected[key]

    def _take(self, key: Key, token: object, answer: Membership, seconds: float) -> None:
        """Remember a reply of Redis, unless an event or a later question overtook it on the way."""
        if self._expected.get(key) is token:
            del self._expected[key]
            self._put(key, answer, seconds)

    def _life(self, answer: Membership) -> tuple[int, int]:
        """Return seconds to live, and milliseconds for Redis to keep the entry."""
        seconds = get_ttl_with_jitter(self._ttl[answer], self._jitter)
        return seconds, max(seconds * 1000, _GENERATION_MS)


class Subscription:
    """Listens to the other instances; after a break what may have been missed is not trusted."""

    def __init__(
        self,
        *,
        redis: "Redis",
        answers: MembershipAnswers,
        clock: SystemClock,
        on_config: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._answers = answers
        self._clock = clock
        self._on_config = on_config
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether events of other instances arrive."""
        return self._connected

    async def check(self) -> None:
        """Raise NotReadyError while Redis does not answer, or is not used because it did not a moment ago."""
        await check_redis(self._redis)
        if self._answers.alone or not self._connected:
            raise NotReadyError("events of other instances do not arrive")

    async def run(self) -> None:
        """Listen until cancelled, subscribing again after every break."""
        pause = _FIRST_PAUSE_SECONDS
        # An instance that was started with a wrong REDIS_URL works without, and would never say so.
        quiet = False
        while True:
            try:
                await self._listen()
            except _AWAY as error:
                if self._connected or not quiet:
                    log.warning("redis.away", error=str(error) or type(error).__name__)
                    pause, quiet = _FIRST_PAUSE_SECONDS, True
                self._connected = False
                self._answers.deaf()
                await self._clock.sleep(pause)
                pause = min(pause * 2, _PING_SECONDS)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(_EVENTS, CONFIG_CHANNEL)
            heard_at = self._clock.monotonic()
            while True:
                # A silent connection is pinged each second: a cut one is noticed before it costs many events.
                message = await pubsub.get_message(timeout=_PING_SECONDS)
                now = self._clock.monotonic()
                if message is not None:
                    heard_at = now
                    await self._heard(message)
                elif now - heard_at > _SILENCE_SECONDS:
                    raise TimeoutError("no answer to a ping")
                else:
                    # wait_for would lose a cancellation that comes together with the end of the ping.
                    async with asyncio.timeout(_PING_SECONDS):
                        await pubsub.ping()

    async def _heard(self, message: Mapping[str, object]) -> None:
        match message:
            case {"type": "subscribe"}:
                self._connected = True
                self._answers.hearing()
            case {"type": "message", "channel": bytes(channel), "data": bytes(data)}:
                self._take(channel, data)
            case _:
                pass
        # A Redis that is heard but does not answer is no reason to stop listening.
        with suppress(*_AWAY):
            await self._answers.catch_up()

    def _take(self, channel: bytes, data: bytes) -> None:
        if channel == CONFIG_CHANNEL.encode():
            self._on_config()
        else:
            self._answers.heard(data)


async def forgotten(redis: "Redis", name: bytes) -> None:
    """Have instances drop the answer of this name, if it is one: an event that is over as soon as it is heard."""
    parts = name.decode().removeprefix(f"{_PREFIX}:").split(":")
    if name.startswith(f"{_PREFIX}:".encode()) and len(parts) == 3:  # noqa: PLR2004 - bot, channel and user
        await redis.publish(_EVENTS, f"{':'.join(parts)}:{Membership.ABSENT.value}:0")


def _order(stamp: Stamp) -> tuple[int, int]:
    return stamp.date, stamp.update_id


def _name(key: Key) -> str:
    bot, channel, user = key
    return f"{_PREFIX}:{bot}:{channel}:{user}"
