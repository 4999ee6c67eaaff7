"""What operators look at. A console and an API show it; whoever asks sees only the bots that exist for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.errors import InvalidInputError, NotFoundError
from bot.domain.event import Event, EventKey, event_key
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.listing import (
    AuditRow,
    CaseRow,
    ChannelRow,
    GroupDetail,
    GroupQuery,
    GroupRow,
    InstanceRow,
    JobRow,
    LetterRow,
    Page,
    Tick,
    Totals,
)
from bot.domain.operator import Operator, Rank
from bot.services.ports.operating import Bots, History, KnownGroups, Lists

MOST_ROWS = 200
_COUNTED_DAYS = 7
_LONGEST_SEARCH = 128


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which decisions to list. A user's are told by one bot; a group has one bot, too."""

    bot: BotId | None = None
    group: GroupId | None = None
    user: UserId | None = None
    kinds: tuple[str, ...] = ()
    cursor: str | None = None
    limit: int = 50


class Lookup:
    """Lists. Every rank may look; all methods raise NotAllowedError for a bot that is not theirs."""

    def __init__(self, *, lists: Lists, history: History, groups: KnownGroups) -> None:
        self._lists = lists
        self._history = history
        self._groups = groups

    async def groups(self, who: Operator, query: GroupQuery) -> Page[GroupRow]:
        """Return groups by name."""
        query = replace(query, search=_plain(query.search), limit=_bounded(query.limit))
        return await self._lists.groups(query, _bots(who, query.bot))

    async def group(self, who: Operator, bot: BotId, group: GroupId) -> GroupDetail:
        """Return one group with its channels and counts. Raises NotFoundError."""
        who.need(Rank.VIEWER, bot)
        known, row = self._groups.group(bot, group), await self._lists.group(bot, group)
        if known is None or row is None:
            raise NotFoundError(f"the bot {bot} knows no group {group}")
        counts = await self._history.counts(bot, group, days=_COUNTED_DAYS)
        return GroupDetail(known, row, {each.kind: each.events for each in counts})

    async def channels(
        self, who: Operator, *, search: str = "", bot: BotId | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[ChannelRow]:
        """Return channels by name."""
        return await self._lists.channels(_plain(search), _bots(who, bot), cursor=cursor, limit=_bounded(limit))

    async def events(self, who: Operator, query: EventQuery) -> Page[Event]:
        """Return decisions, the newest first."""
        before, limit, bots = _key(query.cursor), _bounded(query.limit), _bots(who, query.bot)
        kinds = query.kinds or None
        # One more than asked for shows whether there are more.
        if query.user is not None:
            bot = _named(query.bot, "of a user")
            found = await self._history.of_user(
                bot, query.user, kinds, group=query.group, before=before, limit=limit + 1
            )
        elif query.group is not None:
            bot = _named(query.bot, "of a group")
            found = await self._history.of_group(bot, query.group, kinds, before=before, limit=limit + 1)
        else:
            found = await self._lists.events(bots, kinds, before=before, limit=limit + 1)
        rows = tuple(found[:limit])
        return Page(rows, str(rows[-1].key) if len(found) > limit else None)

    async def cases(
        self,
        who: Operator,
        *,
        bot: BotId | None = None,
        group: GroupId | None = None,
        user: UserId | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[CaseRow]:
        """Return rows of the ledger, the newest first: the open ones, or all of a user of one bot."""
        bots, limit = _bots(who, bot), _bounded(limit)
        if bot is not None and user is not None:
            return await self._lists.cases_of_user(bot, user, group=group, cursor=cursor, limit=limit)
        return await self._lists.cases(bots, group=group, user=user, cursor=cursor, limit=limit)

    async def audit(
        self,
        who: Operator,
        *,
        bot: BotId | None = None,
        chat: int | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[AuditRow]:
        """Return who changed what, the newest first."""
        return await self._lists.audit(_bots(who, bot), chat=chat, cursor=cursor, limit=_bounded(limit))

    async def letters(
        self, who: Operator, *, bot: BotId | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[LetterRow]:
        """Return what was given up, the newest first."""
        return await self._lists.letters(_bots(who, bot), cursor=cursor, limit=_bounded(limit))

    async def instances(self, who: Operator) -> Sequence[InstanceRow]:
        """Return the processes that serve, and those of the last day that died."""
        who.need(Rank.VIEWER)
        return await self._lists.instances()

    async def jobs(self, who: Operator) -> Sequence[JobRow]:
        """Return what is scheduled, by kind."""
        return await self._lists.jobs(_bots(who, None))

    async def totals(self, who: Operator) -> Totals:
        """Count."""
        return await self._lists.totals(_bots(who, None))

    async def series(self, who: Operator, *, minutes: int, hours: int) -> Sequence[Tick]:
        """Count decisions in steps of so many minutes."""
        return await self._lists.series(_bots(who, None), minutes=minutes, hours=hours)


def _bots(who: Operator, bot: BotId | None) -> Bots:
    who.need(Rank.VIEWER, bot)
    if bot is not None:
        return [bot]
    return None if who.bots is None else sorted(who.bots)


def _named(bot: BotId | None, what: str) -> BotId:
    if bot is None:
        raise InvalidInputError("bot", f"name the bot, too: events {what} are kept bot by bot")
    return bot


def _bounded(limit: int) -> int:
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInputError("limit", f"a page has 1 to {MOST_ROWS} rows")
    return limit


def _plain(search: str) -> str:
    """Return what can be searched for: PostgreSQL takes no NUL, and nobody is called by half a character."""
    return search.encode("utf-8", "ignore").decode("utf-8").replace("\x00", "")[:_LONGEST_SEARCH]


def _key(cursor: str | None) -> EventKey | None:
    try:
        key = None if cursor is None else event_key(cursor)
    except ValueError:
        raise InvalidInputError("cursor", "this cursor is none that a list gave") from None
    if key is not None and not -(2**63) <= key.number < 2**63:
        raise InvalidInputError("cursor", "this cursor is none that a list gave")
    return key
