"""Telegram's pauses as the simulator's record tells of them: which there were, and what was started inside."""

import itertools
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bot.core.telegram.demand import Demand, Kind, Priority
from bot.domain.ids import BotId
from bot.simulator import Call, Fault
from bot.simulator.model import JsonObject

# From Telegram's answer to the last request, of any instance, that does not know of it yet.
GRACE_SECONDS = 0.05
# An instance repeats these in loops of their own.
NOT_OURS = frozenset({"getMe", "setWebhook", "getWebhookInfo", "deleteWebhook"})
_STRIKE_SECONDS = 30.0


@dataclass(slots=True, eq=False, kw_only=True)
class EveryThird(Fault):
    """Strikes every third call of those the bot repeats by itself."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def matches(self, *, bot: int, method: str, chat: int | None, params: JsonObject) -> bool:
        """Say whether it is this call's turn; each pause has a length of its own."""
        del bot, chat, params
        self.retry_after = self.dice.choice((1, 1, 2))
        return method not in NOT_OURS and next(self.numbers) % 3 == 0


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which Telegram wants no calls: of one class in one chat, or of the whole bot."""

    call: Call
    starts: float
    ends: float
    whole_bot: bool

    def holds(self, call: Call) -> bool:
        """Whether the call is one of those."""
        kind, chat = scope_of(call)
        if self.whole_bot:
            return (kind == Kind.OTHER.value) == (scope_of(self.call)[0] == Kind.OTHER.value)
        return (kind, chat) == scope_of(self.call)


def scope_of(call: Call) -> tuple[str, object]:
    """Return the class of method and the chat that a pause is about."""
    return Demand(BotId(call.bot_id), call.method, None, Priority.PRESS).kind.value, call.params.get("chat_id")


def pauses_of(calls: Sequence[Call]) -> list[Pause]:
    """Return the pauses Telegram has named; a second one about a later call means the whole bot."""
    flooded = sorted((call for call in calls if call.retry_after), key=lambda call: call.at + call.seconds)
    pauses: list[Pause] = []
    struck, forgotten = 0.0, 0.0
    for call in flooded:
        now, retry_after = call.at + call.seconds, call.retry_after or 0
        repeated = now < forgotten and call.at > struck + GRACE_SECONDS
        if repeated or now >= forgotten:
            struck, forgotten = now, now + retry_after + _STRIKE_SECONDS
        pauses.append(Pause(call, now, now + retry_after, repeated))
    return pauses


def started_inside(calls: Sequence[Call], pauses: Sequence[Pause]) -> list[tuple[float, str]]:
    """Return the calls that arrived while Telegram wanted none of them, by how long after it had said so in seconds."""
    moments = [call.at for call in calls]
    return sorted(
        (later.at - pause.starts, f"{later.method} {1000 * (later.at - pause.starts):.0f} ms after {pause.call.method}")
        for pause in pauses
        for later in calls[bisect_right(moments, pause.starts) : bisect_right(moments, pause.ends - 0.01)]
        if pause.holds(later)
    )


def covered(starts: float, ends: float, pauses: Sequence[Pause]) -> float:
    """Return for how much of a stretch some pause was in force."""
    total, reached = 0.0, starts
    for pause in sorted(pauses, key=lambda pause: pause.starts):
        begin, end = max(pause.starts, reached), min(pause.ends, ends)
        if end > begin:
            total, reached = total + end - begin, end
    return total
