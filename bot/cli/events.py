"""`gmbot events`: what GMBot decided about whom, and why."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from bot.core.postgres.database import Database, open_database
from bot.core.postgres.migrations import ensure_schema
from bot.core.postgres.statements import load_statements
from bot.core.repositories.events import EventStore
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.domain.errors import BotError, SettingsError
from bot.domain.event import AuditEntry, Event, EventCount, EventKey, PastCase, event_key
from bot.domain.ids import BotId, GroupId, UserId


@dataclass(frozen=True, slots=True)
class _Question:
    """What the command line asks for."""

    bot: int | None
    group: int | None
    user: int | None
    before: EventKey | None
    limit: int


def events(
    *,
    bot: Annotated[int | None, typer.Option("--bot", metavar="ID", help="Whose events, if there are several.")] = None,
    group: Annotated[int | None, typer.Option("--group", metavar="ID", help="Only of this group.")] = None,
    user: Annotated[
        int | None, typer.Option("--user", metavar="ID", help="Only of this user, with their cases.")
    ] = None,
    days: Annotated[int | None, typer.Option("--count", metavar="DAYS", help="Count the group's last days.")] = None,
    audit: Annotated[bool, typer.Option("--audit", help="Who set up what in the group, instead.")] = False,
    before: Annotated[str | None, typer.Option("--before", metavar="KEY", help="The next page.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Events on a page.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what was decided about members, the newest first: muted, freed, passed, and by what.

    The last line names the key of the next page, for --before.
    """
    question = _Question(bot, group, user, _key(before), limit)
    try:
        if audit:
            _show_audit(asyncio.run(_audit(question)), as_json=as_json)
        elif days is not None:
            _show_counts(asyncio.run(_count(question, days)), as_json=as_json)
        else:
            _show(*asyncio.run(_look(question)), limit=limit, as_json=as_json)
    except BotError as error:
        typer.echo(f"gmbot events: {error}", err=True)
        raise typer.Exit(1) from error


async def _look(question: _Question) -> tuple[Sequence[Event], Sequence[PastCase]]:
    group = None if question.group is None else GroupId(question.group)
    async with _opened() as database:
        store = EventStore(database=database)
        bot = await _bot(store, question)
        if question.user is not None:
            user = UserId(question.user)
            found = await store.of_user(bot, user, group=group, before=question.before, limit=question.limit)
            return found, await store.cases(bot, user) if question.before is None else ()
        if group is not None:
            return await store.of_group(bot, group, before=question.before, limit=question.limit), ()
        return await store.of_bot(bot, before=question.before, limit=question.limit), ()


async def _count(question: _Question, days: int) -> Sequence[EventCount]:
    async with _opened() as database:
        store = EventStore(database=database)
        return await store.counts(await _bot(store, question), _group(question), days=days)


async def _audit(question: _Question) -> Sequence[AuditEntry]:
    async with _opened() as database:
        store = EventStore(database=database)
        return await store.audit(await _bot(store, question), _group(question), limit=question.limit)


def _group(question: _Question) -> GroupId:
    if question.group is None:
        raise SettingsError("--count and --audit want a --group")
    return GroupId(question.group)


async def _bot(store: EventStore, question: _Question) -> BotId:
    if question.bot is not None:
        return BotId(question.bot)
    only = await store.only_bot()
    if only is None:
        raise SettingsError("there is more than one bot, or none; say which with --bot")
    return only


@asynccontextmanager
async def _opened() -> AsyncIterator[Database]:
    async with open_stores(Settings.from_env()) as stores:
        await ensure_schema(stores.database_url, migrate=False)
        async with open_database(stores.database_url, pool_size=1, statements=load_statements()) as database:
            yield database


def _key(before: str | None) -> EventKey | None:
    try:
        return None if before is None else event_key(before)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _show(found: Sequence[Event], cases: Sequence[PastCase], *, limit: int, as_json: bool) -> None:
    following = str(found[-1].key) if len(found) == limit else None
    if as_json:
        document = {"events": [_event(each) for each in found], "cases": [_case(each) for each in cases]}
        typer.echo(json.dumps({**document, "next": following}))
        return
    for each in found:
        typer.echo(_line(each))
    for case in cases:
        end = "open" if case.closed_at is None else f"{case.outcome} {case.closed_at:%Y-%m-%d %H:%M:%S}"
        typer.echo(
            f"case {case.case_id} in {case.group_id}: {case.done} since {case.opened_at:%Y-%m-%d %H:%M:%S}, {end}"
        )
    if not found:
        typer.echo("There are no events.")
    elif following is not None:
        typer.echo(f"More: --before {following}")


def _line(event: Event) -> str:
    parts = [f"{event.key.at:%Y-%m-%d %H:%M:%S}", f"group {event.group_id}", f"user {event.user_id}", event.kind]
    if event.reason is not None:
        parts.append(f"because of {event.reason}")
    if event.channels:
        parts.append("channels " + " ".join(str(channel) for channel in event.channels))
    if event.seconds:
        parts.append(f"after {event.seconds:.1f} s")
    return "  ".join(parts)


def _event(event: Event) -> dict[str, object]:
    return {
        "at": event.key.at.isoformat(),
        "key": str(event.key),
        "group": event.group_id,
        "user": event.user_id,
        "kind": event.kind,
        "reason": event.reason,
        "channels": event.channels,
        "case": event.case_id,
        "seconds": event.seconds,
    }


def _case(case: PastCase) -> dict[str, object]:
    return {
        "case": case.case_id,
        "group": case.group_id,
        "done": case.done,
        "cause": case.cause,
        "outcome": case.outcome,
        "opened_at": case.opened_at.isoformat(),
        "closed_at": None if case.closed_at is None else case.closed_at.isoformat(),
    }


def _show_counts(counts: Sequence[EventCount], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([{name: getattr(each, name) for name in EventCount.__slots__} for each in counts]))
        return
    for each in counts:
        age = "" if each.seconds is None else f", after {each.seconds:.1f} s on average"
        typer.echo(f"{each.kind}: {each.events}, {each.users} people{age}")
    if not counts:
        typer.echo("There are no events.")


def _show_audit(entries: Sequence[AuditEntry], *, as_json: bool) -> None:
    if as_json:
        fields = [{name: getattr(each, name) for name in AuditEntry.__slots__} for each in entries]
        typer.echo(json.dumps(fields, default=str))
        return
    for each in entries:
        typer.echo(f"{each.at:%Y-%m-%d %H:%M:%S}  by {each.actor}  {each.action}  {json.dumps(each.detail)}")
    if not entries:
        typer.echo("There are no entries.")
