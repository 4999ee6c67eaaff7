"""What happened and how things stand, by the API."""

from typing import Any

from bot.domain.api import Scope
from bot.domain.ids import GroupId, UserId
from bot.services.operating.lists import EventQuery
from bot.web.api.asked import AuditQuery, EventsQuery, LetterName, ListQuery, Nothing, RestrictionsQuery
from bot.web.api.operations import Call, Operation
from bot.web.api.shapes import Decision, Entry, Explanation, Hour, Instance, Letter, Restriction, Rows, Summary
from bot.web.api.views import (
    decision_shape,
    entry_shape,
    explanation_shape,
    instance_shape,
    letter_shape,
    restriction_shape,
)
from bot.web.desk import Desk


class Lists:
    """Decisions, the ledger, the audit, letters, instances."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def operations(self) -> list[Operation[Any, Any]]:
        """Return them all."""
        read, operate = Scope.READ, Scope.OPERATE
        return [
            Operation(
                "list_events",
                "GET",
                "/events",
                read,
                "List what was decided about whom",
                EventsQuery,
                Nothing,
                Rows[Decision],
                self._events,
            ),
            Operation(
                "explain",
                "GET",
                "/bots/{bot}/groups/{group}/users/{user}",
                read,
                "Tell why somebody is muted in a group, or is not",
                Nothing,
                Nothing,
                Explanation,
                self._explain,
            ),
            Operation(
                "list_hours",
                "GET",
                "/hours",
                read,
                "Count what was decided in each of the last 24 hours; one without anything is left out",
                Nothing,
                Nothing,
                Rows[Hour],
                self._hours,
            ),
            Operation(
                "list_restrictions",
                "GET",
                "/restrictions",
                read,
                "List the ledger of restrictions",
                RestrictionsQuery,
                Nothing,
                Rows[Restriction],
                self._restrictions,
            ),
            Operation(
                "list_audit",
                "GET",
                "/audit",
                read,
                "List who changed what",
                AuditQuery,
                Nothing,
                Rows[Entry],
                self._audit,
            ),
            Operation(
                "list_letters",
                "GET",
                "/letters",
                read,
                "List updates and actions that were given up",
                ListQuery,
                Nothing,
                Rows[Letter],
                self._letters,
            ),
            Operation(
                "replay_letter",
                "POST",
                "/letters/replay",
                operate,
                "Have one tried again",
                Nothing,
                LetterName,
                None,
                self._replay,
                204,
            ),
            Operation(
                "drop_letter",
                "POST",
                "/letters/drop",
                operate,
                "Give one up for good",
                Nothing,
                LetterName,
                None,
                self._drop,
                204,
            ),
            Operation(
                "list_instances",
                "GET",
                "/instances",
                read,
                "List the processes that serve",
                Nothing,
                Nothing,
                Rows[Instance],
                self._instances,
            ),
            Operation(
                "summary", "GET", "/summary", read, "Tell how things stand", Nothing, Nothing, Summary, self._summary
            ),
        ]

    async def _events(self, call: Call, query: EventsQuery, _: Nothing) -> object:
        asked = EventQuery(
            bot=await call.only(query.bot),
            group=None if query.group is None else GroupId(query.group),
            user=None if query.user is None else UserId(query.user),
            kinds=() if query.kind is None else (query.kind,),
            cursor=query.cursor,
            limit=query.limit,
        )
        page = await self._desk.lookup.events(call.who, asked)
        return Rows(items=tuple(decision_shape(event) for event in page.rows), next=page.cursor)

    async def _explain(self, call: Call, _: Nothing, __: Nothing) -> object:
        bot, group = await call.group()
        return explanation_shape(await self._desk.explaining.explain(call.who, bot, group, UserId(call.number("user"))))

    async def _hours(self, call: Call, _: Nothing, __: Nothing) -> object:
        ticks = await self._desk.lookup.series(call.who, minutes=60, hours=24)
        return Rows(items=tuple(Hour(at=tick.at, decisions=tick.counts) for tick in ticks), next=None)

    async def _restrictions(self, call: Call, query: RestrictionsQuery, _: Nothing) -> object:
        page = await self._desk.lookup.cases(
            call.who,
            bot=await call.only(query.bot),
            group=None if query.group is None else GroupId(query.group),
            user=None if query.user is None else UserId(query.user),
            cursor=query.cursor,
            limit=query.limit,
        )
        return Rows(items=tuple(restriction_shape(row) for row in page.rows), next=page.cursor)

    async def _audit(self, call: Call, query: AuditQuery, _: Nothing) -> object:
        page = await self._desk.lookup.audit(
            call.who, bot=await call.only(query.bot), chat=query.chat, cursor=query.cursor, limit=query.limit
        )
        return Rows(items=tuple(entry_shape(row) for row in page.rows), next=page.cursor)

    async def _letters(self, call: Call, query: ListQuery, _: Nothing) -> object:
        page = await self._desk.lookup.letters(
            call.who, bot=await call.only(query.bot), cursor=query.cursor, limit=query.limit
        )
        return Rows(items=tuple(letter_shape(row) for row in page.rows), next=page.cursor)

    async def _replay(self, call: Call, _: Nothing, body: LetterName) -> object:
        await self._desk.letters.replay(call.who, body.letter)
        return None

    async def _drop(self, call: Call, _: Nothing, body: LetterName) -> object:
        await self._desk.letters.drop(call.who, body.letter)
        return None

    async def _instances(self, call: Call, _: Nothing, __: Nothing) -> object:
        found = await self._desk.lookup.instances(call.who)
        return Rows(items=tuple(instance_shape(row) for row in found), next=None)

    async def _summary(self, call: Call, _: Nothing, __: Nothing) -> object:
        totals = await self._desk.lookup.totals(call.who)
        wrong = totals.trouble or totals.letters or totals.overdue
        return Summary(
            status="degraded" if wrong else "healthy",
            protected=totals.protected,
            paused=totals.paused,
            trouble=totals.trouble,
            observing=totals.observing,
            muted=totals.held,
            overdue=totals.overdue,
            letters=totals.letters,
            instances=totals.instances,
        )
