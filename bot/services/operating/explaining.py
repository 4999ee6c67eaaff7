"""Why somebody was muted or let through, put together from what was written down when it was decided."""

from dataclasses import dataclass

from bot.domain.event import Event
from bot.domain.explanation import explain, verdict
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.listing import CaseRow
from bot.domain.operator import Operator
from bot.services.operating.lists import EventQuery, Lookup
from bot.services.ports.operating import KnownGroups

_STEPS = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was decided, with its reason in words."""

    event: Event
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """How somebody stands in a group, and how it came to that."""

    bot_id: BotId
    group_id: GroupId
    group_title: str
    user_id: UserId
    user_name: str | None
    verdict: str
    steps: tuple[Step, ...]
    """The newest first."""
    cases: tuple[CaseRow, ...]


class Explaining:
    """Explains decisions."""

    def __init__(self, *, lookup: Lookup, groups: KnownGroups) -> None:
        self._lookup = lookup
        self._groups = groups

    async def explain(self, who: Operator, bot: BotId, group: GroupId, user: UserId) -> Explanation:
        """Explain how a user stands in a group."""
        query = EventQuery(bot=bot, group=group, user=user, limit=_STEPS)
        events = (await self._lookup.events(who, query)).rows
        cases = (await self._lookup.cases(who, bot=bot, group=group, user=user, limit=_STEPS)).rows
        known = self._groups.group(bot, group)
        channels = {channel.channel_id: channel.title for channel in known.channels} if known is not None else {}
        return Explanation(
            bot,
            group,
            str(group) if known is None else known.title,
            user,
            cases[0].user_name if cases else None,
            verdict(list(events)),
            tuple(Step(event, explain(event, channels)) for event in events),
            cases,
        )
