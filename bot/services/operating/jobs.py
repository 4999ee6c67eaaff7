"""Long work that operators start: it runs here, and every instance tells how far it is."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from bot.domain.errors import BotError, NotFoundError, NotReadyError
from bot.domain.ids import BotId
from bot.domain.operator import Operator
from bot.services.ports.access import Shelf
from bot.services.ports.runtime import Clock, Spawner

DEPLOYMENT = BotId(0)
"""Whose work is that concerns all bots: it exists only for operators of the whole deployment."""

Watch: TypeAlias = Callable[[int, int], None]
"""Hears how much is done, and how much there will be; 0 while nobody knows."""

Work: TypeAlias = Callable[[Watch], Awaitable[str]]
"""Works, and says at the end what came of it. Raises BotError."""

_NOTE_SECONDS = 0.5
_KEEP_SECONDS = 3600
# What is told twice a second and has not been for so long is gone with its instance.
_RUNNING_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Job:
    """How far a piece of work is."""

    job: str
    what: str
    state: str
    """`running`, `done` or `failed`."""
    done: int
    expected: int
    detail: str
    bot_id: BotId


class Jobs:
    """Starts work and tells how far it is. Raises NotReadyError without Redis."""

    def __init__(self, *, shelf: Shelf, spawner: Spawner, clock: Clock) -> None:
        self._shelf = shelf
        self._spawner = spawner
        self._clock = clock

    async def start(self, what: str, bot: BotId, work: Work) -> Job:
        """Begin, and return at once."""
        job = Job(secrets.token_urlsafe(12), what, "running", 0, 0, "", bot)
        await self._put(job)
        self._spawner.spawn(self._run(job, work), name=f"{what} for an operator")
        return job

    async def job(self, who: Operator, name: str) -> Job:
        """Tell how far it is. Raises NotFoundError."""
        state = await self._shelf.get(f"job:{name}")
        if state is None or not who.sees(BotId(_number(state, "bot_id"))):
            raise NotFoundError("there is no such job, or no more")
        return Job(
            name,
            str(state.get("what")),
            str(state.get("state")),
            _number(state, "done"),
            _number(state, "expected"),
            str(state.get("detail", "")),
            BotId(_number(state, "bot_id")),
        )

    async def _run(self, job: Job, work: Work) -> None:
        latest = job

        def watch(done: int, expected: int) -> None:
            nonlocal latest
            latest = replace(job, done=done, expected=expected)

        async def report() -> None:
            while True:
                await self._clock.sleep(_NOTE_SECONDS)
                await self._put_quietly(latest)

        failed, told = "it was broken off", ""
        try:
            async with asyncio.TaskGroup() as tasks:
                reporting = tasks.create_task(report())
                try:
                    told, failed = await work(watch), ""
                except BotError as error:
                    failed = str(error)
                finally:
                    reporting.cancel()
        finally:
            state = "failed" if failed else "done"
            await self._put_quietly(replace(latest, state=state, detail=failed or told))

    async def _put_quietly(self, job: Job) -> None:
        with suppress(NotReadyError):
            await self._put(job)

    async def _put(self, job: Job) -> None:
        state = {"what": job.what, "state": job.state, "done": job.done, "expected": job.expected}
        rest = {"detail": job.detail, "bot_id": job.bot_id}
        seconds = _RUNNING_SECONDS if job.state == "running" else _KEEP_SECONDS
        await self._shelf.put(f"job:{job.job}", {**state, **rest}, seconds=seconds)


def _number(state: Mapping[str, object], name: str) -> int:
    value = state.get(name)
    return value if isinstance(value, int) else 0
