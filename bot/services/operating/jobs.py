"""Long work that operators start: it runs here, and every instance tells how far it is."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.domain.errors import BotError, NotFoundError, NotReadyError
from bot.domain.ids import BotId, GroupId
from bot.domain.operator import Operator, Rank
from bot.domain.warming import WarmupStats
from bot.services.ports.access import Shelf
from bot.services.ports.operating import KnownGroups, Notes, WarmsGroups
from bot.services.ports.runtime import Clock, Spawner

_NOTE_SECONDS = 0.5
_KEEP_SECONDS = 3600
# What is told twice a second and has not been for so long is gone with its instance.
_RUNNING_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Job:
    """How far a piece of work is."""

    job: str
    state: str
    """`running`, `done` or `failed`."""
    done: int
    expected: int
    detail: str
    bot_id: BotId
    group_id: GroupId


class Warmings:
    """Verifies a group's members in advance, when an operator asks for it. Raises NotReadyError without Redis."""

    def __init__(
        self,
        *,
        groups: KnownGroups,
        warmer: Callable[[BotId], WarmsGroups],
        jobs: Shelf,
        notes: Notes,
        spawner: Spawner,
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._warmer = warmer
        self._jobs = jobs
        self._notes = notes
        self._spawner = spawner
        self._clock = clock

    async def start(self, who: Operator, bot: BotId, group: GroupId) -> Job:
        """Begin, and return at once."""
        who.need(Rank.OPERATOR, bot)
        if self._groups.group(bot, group) is None:
            raise NotFoundError(f"the bot {bot} knows no group {group}")
        job = Job(secrets.token_urlsafe(12), "running", 0, 0, "", bot, group)
        await self._put(job)
        await self._notes.note(who.actor, bot, "warm", group, {})
        self._spawner.spawn(self._run(job), name="warming for an operator")
        return job

    async def job(self, who: Operator, name: str) -> Job:
        """Tell how far it is. Raises NotFoundError."""
        state = await self._jobs.get(f"job:{name}")
        if state is None or not who.sees(BotId(_number(state, "bot_id"))):
            raise NotFoundError("there is no such job, or no more")
        return Job(
            name,
            str(state.get("state")),
            _number(state, "done"),
            _number(state, "expected"),
            str(state.get("detail", "")),
            BotId(_number(state, "bot_id")),
            GroupId(_number(state, "group_id")),
        )

    async def _run(self, job: Job) -> None:
        latest, last = job, replace(job, state="failed", detail="it was broken off")

        def watch(stats: WarmupStats, expected: int) -> None:
            nonlocal latest
            done = stats["verified"] + stats["not_verified"] + stats["errors"]
            latest = replace(job, done=done, expected=expected)

        async def report() -> None:
            while True:
                await self._clock.sleep(_NOTE_SECONDS)
                await self._put_quietly(latest)

        try:
            async with asyncio.TaskGroup() as tasks:
                reporting = tasks.create_task(report())
                try:
                    last = await self._verified(job, watch)
                except BotError as error:
                    last = replace(last, detail=str(error))
                finally:
                    reporting.cancel()
        finally:
            got = last if last.state == "done" else latest
            await self._put_quietly(replace(last, done=got.done, expected=got.expected))

    async def _verified(self, job: Job, watch: Callable[[WarmupStats, int], None]) -> Job:
        stats = await self._warmer(job.bot_id).group(job.group_id, watch=watch)
        told = f"{stats['verified']} members, {stats['not_verified']} not, {stats['errors']} without an answer"
        total = stats["total_users"]
        return replace(job, state="done", done=total, expected=total, detail=told)

    async def _put_quietly(self, job: Job) -> None:
        with suppress(NotReadyError):
            await self._put(job)

    async def _put(self, job: Job) -> None:
        state = {"state": job.state, "done": job.done, "expected": job.expected, "detail": job.detail}
        whose = {"bot_id": job.bot_id, "group_id": job.group_id}
        seconds = _RUNNING_SECONDS if job.state == "running" else _KEEP_SECONDS
        await self._jobs.put(f"job:{job.job}", {**state, **whose}, seconds=seconds)


def _number(state: Mapping[str, object], name: str) -> int:
    value = state.get(name)
    return value if isinstance(value, int) else 0
