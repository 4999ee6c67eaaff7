"""Redis' copies of the open cases: what a lift needs while PostgreSQL, the truth, is away."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from bot.core.clock import SystemClock
from bot.core.redis.connection import answered
from bot.core.redis.scripts import load_script
from bot.core.repositories.priors import prior_from_json, prior_to_json
from bot.core.telemetry.traces import step
from bot.domain.ids import BotId, CaseId, GroupId, MessageId, UserId
from bot.domain.recent import Recent
from bot.domain.restriction import Case, CaseCopy, Done

# A worker's lease of 3 s has room for it; a Redis that is slower is done without.
_ANSWER_SECONDS = 0.15
_AWAY_SECONDS = 1.0
# `CopyingAnew` renews them each day.
KEEP_MS = 3 * 24 * 3600 * 1000
_CATCH_UP_SECONDS = 1.0
# Beyond these the oldest are forgotten: told once more, or told by the next lease only.
_MOST_WRITTEN = 2_000
_MOST_MISSED = 10_000
_AWAY = (RedisError, OSError, TimeoutError)


log = structlog.stdlib.get_logger()


class CaseCopies:
    """Writes a copy after each commit that a lift depends on, and reads them without asking PostgreSQL.

    A copy may be missing. One that is there is never older than a mute in force that carries its end: see
    `CaseStore.muting`.
    """

    def __init__(self, *, redis: "Redis", clock: SystemClock) -> None:
        self._redis = redis
        self._clock = clock
        self._copy: AsyncScript = load_script(redis, "copy_case")
        self._written: Recent[CaseId, CaseCopy | int] = Recent(_MOST_WRITTEN)
        self._missed: Recent[CaseId, tuple[int, str, str]] = Recent(_MOST_MISSED)
        self._away_until = float("-inf")

    async def put(self, case: Case) -> bool:
        """Copy a case as it was committed; whether Redis has it, or something newer."""
        if case.our_until is None or case.done not in {Done.MUTING, Done.MUTED}:
            return await self._gone(case)
        copy = CaseCopy(
            case_id=case.case_id,
            bot_id=case.bot_id,
            group_id=case.group_id,
            user_id=case.user_id,
            version=case.version,
            our_until=case.our_until,
            prior=case.prior,
            prompt_message_id=case.prompt_message_id,
        )
        if self._written.get(case.case_id) == copy:
            return True
        return await self._write(case, text_of(copy), copy)

    async def drop(self, case: Case) -> None:
        """Nothing of ours is in force any more, as committed."""
        await self._gone(case)

    async def of_user(self, bot: BotId, user: UserId) -> Sequence[CaseCopy]:
        """Return the copies of a user's cases. Raises NotReadyError without Redis."""
        async with answered(within=_ANSWER_SECONDS):
            members = await cast("asyncio.Future[set[bytes]]", self._redis.smembers(set_of(bot, user)))
        return await self.find([CaseId(int(member)) for member in sorted(members)])

    async def find(self, cases: Sequence[CaseId]) -> Sequence[CaseCopy]:
        """Return the copies of cases, as far as there are any. Raises NotReadyError without Redis."""
        async with answered(within=_ANSWER_SECONDS):
            await self.catch_up()
            texts = [
                await cast("asyncio.Future[bytes | None]", self._redis.hget(key_of(case), "text")) for case in cases
            ]
        return [_copy(text) for text in texts if text]

    def forget_written(self) -> None:
        """Take no copy for written: Redis may have lost them."""
        self._written.clear()

    async def run(self) -> None:
        """Tell Redis what it could not be told, as soon as it can, until cancelled."""
        while True:
            await self._clock.sleep(_CATCH_UP_SECONDS)
            try:
                await self.catch_up()
            except _AWAY:
                continue

    async def catch_up(self) -> None:
        """Take back the copies that are out of date. Raises what Redis raises when it is still away."""
        for case, (version, key, of_user) in list(self._missed.items()):
            await self._copy(keys=[key, of_user], args=[version, "", case, KEEP_MS])
            self._missed.pop(case, None)

    async def _gone(self, case: Case) -> bool:
        if case.our_until is None or self._written.get(case.case_id) == case.version:
            return True
        return await self._write(case, "", case.version)

    async def _write(self, case: Case, text: str, signature: CaseCopy | int) -> bool:
        keys, now = [key_of(case.case_id), set_of(case.bot_id, case.user_id)], self._clock.monotonic()
        try:
            if now < self._away_until:
                raise TimeoutError
            with step("redis", "copy_case"):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._copy(keys=keys, args=[case.version, text, case.case_id, KEEP_MS])
        except _AWAY as error:
            if now >= self._away_until:
                log.info("copies.redis_away", error=str(error) or type(error).__name__)
                self._away_until = now + _AWAY_SECONDS
            self._written.pop(case.case_id, None)
            self._missed[case.case_id] = (case.version, keys[0], keys[1])
            return False
        self._missed.pop(case.case_id, None)
        self._written[case.case_id] = signature
        return True


def key_of(case: CaseId) -> str:
    """Say where the copy of a case is."""
    return f"gmbot:case:{case}"


def set_of(bot: BotId, user: UserId) -> str:
    """Say where the numbers of a user's cases are."""
    return f"gmbot:cases:{bot}:{user}"


def text_of(copy: CaseCopy) -> str:
    """Write a copy as Redis keeps it."""
    return json.dumps(
        {
            "case": copy.case_id,
            "bot": copy.bot_id,
            "group": copy.group_id,
            "user": copy.user_id,
            "version": copy.version,
            "until": int(copy.our_until.timestamp()),
            "prior": prior_to_json(copy.prior),
            "prompt": copy.prompt_message_id,
        },
        separators=(",", ":"),
    )


def _copy(text: bytes) -> CaseCopy:
    fields = json.loads(text)
    prompt = fields["prompt"]
    return CaseCopy(
        case_id=CaseId(fields["case"]),
        bot_id=BotId(fields["bot"]),
        group_id=GroupId(fields["group"]),
        user_id=UserId(fields["user"]),
        version=fields["version"],
        our_until=datetime.fromtimestamp(fields["until"], UTC),
        prior=prior_from_json(fields["prior"]),
        prompt_message_id=None if prompt is None else MessageId(prompt),
    )
