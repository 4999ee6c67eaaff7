"""Faults on demand: what the Bot API does wrong for a while, and how deliveries stray where Telegram may."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from .model import JsonObject

FaultKind = Literal["flood", "error", "delay", "drop", "lose_answer", "lie"]


@dataclass(slots=True, eq=False, kw_only=True)
class Fault:
    """One fault for the calls that match; None matches all, `times` None lasts until it is cleared."""

    kind: FaultKind
    method: str | None = None
    chat: int | None = None
    user: int | None = None
    bot: int | None = None
    times: int | None = 1
    retry_after: int = 1
    code: int = 500
    description: str = "Internal Server Error"
    seconds: float = 0.0
    result: object = None
    id: int = 0

    def matches(self, *, bot: int, method: str, chat: int | None, params: JsonObject) -> bool:
        """Say whether this call is meant."""
        return (
            (self.method is None or self.method.lower() == method.lower())
            and self.bot in (None, bot)
            and self.chat in (None, chat)
            and (self.user is None or str(params.get("user_id")) == str(self.user))
        )


@dataclass(slots=True, eq=False, kw_only=True)
class Hold:
    """Updates that stay in their queue until released; None matches all."""

    kind: str | None = None
    queue: int | None = None
    bot: int | None = None
    chat: int | None = None
    user: int | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Duplicate:
    """Updates that are delivered more than once: again after the acknowledgement, or all copies at once."""

    kind: str | None = None
    bot: int | None = None
    copies: int = 2
    at_once: bool = False
    times: int | None = 1


@dataclass(slots=True, eq=False)
class Faults:
    """The faults in force; `wake` is called when held updates may flow again."""

    wake: Callable[[], None] = lambda: None

    active: list[Fault] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    shuffles_queues: bool = False
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force."""
        fault.id = next(self._numbers)
        self.active.append(fault)
        return fault

    def remove(self, fault: Fault | int) -> None:
        """End one fault, by itself or its id."""
        self.active = [each for each in self.active if each is not fault and each.id != fault]

    def hold(self, hold: Hold) -> Hold:
        """Keep the matching updates in their queues, each holding up its queue, until they are released."""
        self.holds.append(hold)
        return hold

    def release(self, hold: Hold | None = None) -> None:
        """Let held updates flow again: those of one hold, or all."""
        self.holds = [each for each in self.holds if hold is not None and each is not hold]
        self.wake()

    def clear(self) -> None:
        """End all faults, of calls and of deliveries; held queues flow again."""
        self.active.clear()
        self.holds.clear()
        self.duplicates.clear()
        self.shuffles_queues = False
        self.wake()

    def strike(self, *, bot: int, method: str, chat: int | None, params: JsonObject) -> list[Fault]:
        """Return the faults for this call, delays first and then the first other, and count them down."""
        matching = [each for each in self.active if each.matches(bot=bot, method=method, chat=chat, params=params)]
        delays = [fault for fault in matching if fault.kind == "delay"]
        others = [fault for fault in matching if fault.kind != "delay"][:1]
        for fault in (*delays, *others):
            self._count_down(fault)
        return delays + others

    def _count_down(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.remove(fault)

    def duplicate(self, *, bot: int, kind: str) -> Duplicate | None:
        """Return how this update is to be doubled, if it is, and count it down."""
        for each in self.duplicates:
            if each.kind in (None, kind) and each.bot in (None, bot):
                if each.times is not None:
                    each.times -= 1
                    if each.times <= 0:
                        self.duplicates.remove(each)
                return each
        return None
