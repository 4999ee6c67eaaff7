"""The reminders of an outage, as one of several instances sees them."""

from dataclasses import dataclass, field

from bot.domain.errors import NotReadyError
from bot.domain.ids import BotId, GroupId
from bot.domain.reminder import Reminder
from tests.fakes.ports import FakeClock


@dataclass
class SharedReminders:
    """What Redis has of them."""

    clock: FakeClock = field(default_factory=FakeClock)
    turns: dict[tuple[BotId, GroupId], float] = field(default_factory=dict)
    standing: set[Reminder] = field(default_factory=set)
    away: bool = False

    def taken(self, bot: BotId, group: GroupId) -> bool:
        return self.turns.get((bot, group), 0.0) > self.clock.monotonic()

    def answer(self) -> None:
        if self.away:
            raise NotReadyError("away")


class FakeReminders:
    """One instance's view of what is shared, and its own memory."""

    def __init__(self, shared: SharedReminders) -> None:
        self._shared = shared
        self._own: set[Reminder] = set()

    async def take_turn(self, bot: BotId, group: GroupId, *, seconds: float) -> bool:
        self._shared.answer()
        if self._shared.taken(bot, group):
            return False
        self._shared.turns[bot, group] = self._shared.clock.monotonic() + seconds
        return True

    async def stands(self, reminder: Reminder) -> None:
        self._own.add(reminder)
        if reminder.user_id is None:
            self._shared.answer()
            self._shared.standing.add(reminder)

    async def standing(self, bot: BotId, group: GroupId) -> list[Reminder]:
        self._shared.answer()
        return [each for each in self._own | self._shared.standing if (each.bot_id, each.group_id) == (bot, group)]

    async def left(self) -> list[Reminder]:
        shared = set() if self._shared.away else self._shared.standing
        others = [each for each in shared - self._own if not self._shared.taken(each.bot_id, each.group_id)]
        return [*self._own, *others]

    async def gone(self, reminder: Reminder) -> None:
        self._own.discard(reminder)
        if not self._shared.away:
            self._shared.standing.discard(reminder)
