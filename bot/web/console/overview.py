"""The first page: how everything is, what happens now, and what happened in the last day."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bot.domain.errors import InvalidInputError
from bot.domain.feed import Published
from bot.domain.ids import BotId
from bot.domain.listing import Tick
from bot.services.operating.access import Session
from bot.services.ports.feed import Watcher
from bot.web.console.doors import Doors
from bot.web.console.page import Pages

_STEP_MINUTES, _HOURS = 30, 24
_FIRST_LINES = 30
# Proxies cut a stream that is silent for a minute.
_SILENCE_SECONDS = 15.0
_PLACE = re.compile(r"\d{1,20}-\d{1,20}\Z")
_SERIES = (
    ("Let through", frozenset({"passed", "freed", "approved"})),
    ("Muted", frozenset({"muted", "noticed", "declined"})),
    ("In doubt", frozenset({"unknown", "held"})),
)


class Overview:
    """Shows the whole."""

    def __init__(self, *, pages: Pages, doors: Doors) -> None:
        self._pages = pages
        self._doors = doors
        self._parts = pages.parts

    async def show(self, request: Request, session: Session) -> Response:
        """Show figures, health and the last lines."""
        who, parts = session.operator, self._parts
        # The place first: what happens between is then told twice, and shown once.
        place = await parts.feed.place()
        lines, totals, states, instances, bots = await asyncio.gather(
            parts.recent.recent(_scope(session), _FIRST_LINES),
            parts.desk.lookup.totals(who),
            parts.health.all(),
            parts.desk.lookup.instances(who),
            parts.desk.bots.bots(who),
        )
        return self._pages.show(
            request,
            session,
            "overview",
            place=place,
            lines=lines,
            totals=totals,
            states=states,
            alive=[each for each in instances if each.is_alive],
            bots=bots,
            is_demo=parts.is_demo,
        )

    async def series(self, request: Request, session: Session) -> Response:
        """Show what was decided in the last day, as a chart and as a table."""
        ticks = await self._parts.desk.lookup.series(session.operator, minutes=_STEP_MINUTES, hours=_HOURS)
        rows = _rows(ticks, self._parts.clock.now())
        names = [name for name, _ in _SERIES]
        columns = [[row[0] for row in rows], *([row[place] for row in rows] for place in range(1, len(names) + 1))]
        return self._pages.show(
            request, session, "series", names=names, rows=rows, chart=json.dumps({"names": names, "columns": columns})
        )

    async def lines(self, request: Request, session: Session) -> Response:
        """Show the last lines anew, for whoever lost some."""
        lines = await self._parts.recent.recent(_scope(session), _FIRST_LINES)
        return self._pages.show(request, session, "lines", lines=lines)

    async def feed(self, request: Request, session: Session) -> Response:
        """Tell what happens, from a place on, until the browser leaves or the instance ends."""
        after = request.headers.get("last-event-id") or request.query_params.get("after") or "0-0"
        if not _PLACE.match(after):
            raise InvalidInputError("after", "this is no place of the feed")
        headers = {"x-accel-buffering": "no", "cache-control": "no-store"}
        told = self._told(session, after, request)
        return StreamingResponse(told, media_type="text/event-stream", headers=headers)

    async def _told(self, session: Session, after: str, request: Request) -> AsyncIterator[str]:
        clock = self._parts.clock
        looked = clock.monotonic()
        yield "retry: 500\n\n"
        async with self._parts.feed.watching(after) as watcher:
            while not self._parts.ending.is_set():
                published = await self._next(watcher)
                if clock.monotonic() - looked > _SILENCE_SECONDS:
                    looked = clock.monotonic()
                    if await self._doors.session(request) is None:
                        return
                if published is None:
                    yield ": here\n\n"
                elif published.line is None:
                    yield f"event: gap\nid: {published.place}\ndata: \n\n"
                elif session.operator.sees(published.line.bot_id):
                    html = self._pages.templates.text("line", line=published.line)
                    yield f"id: {published.place}\ndata: {' '.join(html.split())}\n\n"

    async def _next(self, watcher: Watcher) -> Published | None:
        """Wait for a line, but neither longer than proxies do nor than this instance lives."""
        published: Published | None = None

        async def wait_for_line() -> None:
            nonlocal published
            published = await watcher.next()

        with suppress(TimeoutError):
            async with asyncio.timeout(_SILENCE_SECONDS), asyncio.TaskGroup() as tasks:
                line, end = tasks.create_task(wait_for_line()), tasks.create_task(self._parts.ending.wait())
                await asyncio.wait((line, end), return_when=asyncio.FIRST_COMPLETED)
                line.cancel()
                end.cancel()
        return published


def _scope(session: Session) -> Sequence[BotId] | None:
    return None if session.operator.bots is None else sorted(session.operator.bots)


def _rows(ticks: Sequence[Tick], now: datetime) -> list[list[int]]:
    """Return a row for each step of the day, also where nothing happened: its time, then the sums."""
    counts: Mapping[int, Mapping[str, int]] = {round(tick.at.timestamp()): tick.counts for tick in ticks}
    step = _STEP_MINUTES * 60
    last = int(now.timestamp()) // step * step
    first = last - round(timedelta(hours=_HOURS).total_seconds()) + step
    return [
        [at, *(sum(counts.get(at, {}).get(kind, 0) for kind in kinds) for _, kinds in _SERIES)]
        for at in range(first, last + 1, step)
    ]
