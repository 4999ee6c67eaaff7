"""All copies of open cases, written anew when Redis has lost them: an outage of PostgreSQL may be next."""

import asyncio
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database, Record
from bot.core.redis.scripts import load_script
from bot.core.repositories.case_copies import KEEP_MS, CaseCopies, key_of, set_of, text_of
from bot.core.repositories.priors import prior_from_json
from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, CaseId, GroupId, MessageId, UserId
from bot.domain.restriction import CaseCopy

_LOOK_SECONDS = 1.0
# The mark goes with everything else that Redis loses. That it ends by itself renews the copies before they do.
_MARK, _MARK_SECONDS = "gmbot:cases:whole", 24 * 3600
# Whose turn it is. Longer than a page takes at its worst; a turn that is over writes nothing.
_TURN, _TURN_MS = "gmbot:cases:turn", 15_000
_PAGE = 200
# A few thousand cases a second: nobody else notices.
_PAGE_PAUSE_SECONDS = 0.05
_ANSWER_SECONDS = 2.0
_AWAY = (RedisError, OSError, TimeoutError)
_BEFORE_ALL = (-(2**63), -(2**63), -(2**63))

log = structlog.stdlib.get_logger()


class CopyingAnew:
    """Looks for the mark that says that Redis has all copies. Where it is missing, one instance writes them."""

    def __init__(self, *, redis: "Redis", database: Database, copies: CaseCopies, clock: SystemClock) -> None:
        self._redis = redis
        self._database = database
        self._copies = copies
        self._clock = clock
        self._recopy = load_script(redis, "recopy_case")
        self._recopied = load_script(redis, "recopied")

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self._look()
            except (*_AWAY, StoreUnavailableError) as error:
                log.debug("copies.waiting", error=str(error) or type(error).__name__)
            await self._clock.sleep(_LOOK_SECONDS)

    async def _look(self) -> None:
        async with asyncio.timeout(_ANSWER_SECONDS):
            if await self._redis.exists(_MARK):
                return
            # What this process has written may be lost: its next copies are not held to be there already.
            self._copies.forget_written()
            token = uuid4().hex
            if not await self._redis.set(_TURN, token, nx=True, px=_TURN_MS):
                return
        written = await self._write_all(token)
        if written is not None:
            log.info("copies.written_anew", cases=written)

    async def _write_all(self, token: str) -> int | None:
        """Return how many copies were written; None when Redis lost them, or the turn, meanwhile."""
        after, written = _BEFORE_ALL, 0
        while rows := await self._database.rows("muting_cases", *after, _PAGE):
            async with asyncio.timeout(_ANSWER_SECONDS):
                if not await self.write(token, rows):
                    return None
                await self._redis.pexpire(_TURN, _TURN_MS)
            written += len(rows)
            last = rows[-1]
            after = (last["bot_id"], last["group_id"], last["user_id"])
            await self._clock.sleep(_PAGE_PAUSE_SECONDS)
        async with asyncio.timeout(_ANSWER_SECONDS):
            return written if await self._recopied(keys=[_TURN, _MARK], args=[token, _MARK_SECONDS]) else None

    async def write(self, token: str, rows: list[Record]) -> bool:
        """Write a page in the turn of this token; False, and nothing, when the turn is over."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for copy in map(_copy, rows):
                keys = [_TURN, key_of(copy.case_id), set_of(copy.bot_id, copy.user_id)]
                args: list[str | int] = [token, copy.version, text_of(copy), copy.case_id, KEEP_MS]
                await self._recopy(keys=keys, args=args, client=pipeline)
            return all(await pipeline.execute())


def _copy(row: Record) -> CaseCopy:
    prompt = row["prompt_message_id"]
    return CaseCopy(
        case_id=CaseId(row["restriction_id"]),
        bot_id=BotId(row["bot_id"]),
        group_id=GroupId(row["group_id"]),
        user_id=UserId(row["user_id"]),
        version=row["version"],
        our_until=row["our_until"],
        prior=prior_from_json(row["prior"]),
        prompt_message_id=None if prompt is None else MessageId(prompt),
    )
