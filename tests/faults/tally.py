"""Accounts for every update and every effect: sent, acknowledged, seen, lost, doubled; and how long each took."""

import re
from array import array
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bot.simulator import Call, Delivery, NotAllowed
from tests.faults.stage import percentile
from tests.faults.town import Stranger, Town

_MENTION = re.compile(r"tg://user\?id=(\d+)")
_MS = 1000
# A mute may land on somebody who joined a moment ago: the call was under way.
_IN_FLIGHT_SECONDS = 3.0


def milliseconds(seconds: Iterable[float]) -> dict[str, float]:
    """Return the percentiles of all values, in milliseconds."""
    values = sorted(seconds)
    shares = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
    found = {name: round(_MS * percentile(values, share), 1) for name, share in shares.items()}
    return {"samples": len(values), "mean": round(_MS * sum(values) / max(1, len(values)), 1), **found}


@dataclass
class Counts:
    """What was counted."""

    messages: int = 0
    updates: int = 0
    acknowledged: int = 0
    acknowledged_twice: int = 0
    failed_attempts: Counter[str] = field(default_factory=Counter)
    put_off: int = 0
    """Deliveries answered with 503 and a Retry-After: Telegram keeps the update and asks again, as it is told."""
    calls: int = 0
    refused_calls: Counter[str] = field(default_factory=Counter)
    strangers: int = 0
    let_through: int = 0
    mutes: int = 0
    prompts: int = 0
    """Each about one stranger."""
    sharing: int = 0
    """Strangers who were shown the prompt that their group has for many."""
    deletions: int = 0
    lifts: int = 0
    effects_doubled: Counter[str] = field(default_factory=Counter)
    wrong_mutes: int = 0

    def plain(self) -> dict[str, Any]:
        """Return everything in types that JSON knows; `asdict` takes a Counter's pairs for things to be counted."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}


def is_put_off(attempt: Delivery) -> bool:
    """Whether the bot asked Telegram to deliver again later: neither a failure nor a loss."""
    return attempt.status == HTTPStatus.SERVICE_UNAVAILABLE and attempt.retry_after is not None


class Tally:
    """Follows the simulator's records, which are bounded: whoever follows looks often."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._sim = town.sim
        self._last_update = town.sim.last_update_id(town.bot)
        self._last_delivery = town.sim.last_delivery
        self._last_call = town.sim.last_call
        self._attempts: list[Delivery] = []
        self._calls: list[Call] = []
        self._pending: dict[int, float | None] = {}
        self._by_user = {each.user.id: each for each in town.strangers}
        self._shared_prompts: dict[int, int] = {}
        """The last of each group."""
        self._failures: Counter[int] = Counter()
        self.active: dict[int, Stranger] = {}
        self.counts = Counts()
        self.began = 0.0
        self.latest = 0.0
        """How much later than due a message was written, at worst."""
        self.until_answered: list[array[float]] = []
        """Seconds from the moment a message was due to Telegram's having the 200, by the second it was due in."""
        self.until_muted, self.until_free = array("f"), array("f")

    def sent(self, due: float, stranger: Stranger | None) -> None:
        """Note the message that was just written; it had been due at that moment."""
        self._pending[self._sim.last_update_id(self._town.bot)] = due
        self.latest = max(self.latest, self._sim.clock.now() - due)
        self.counts.messages += 1
        if stranger is not None:
            stranger.spoke_at = due
            self.active[stranger.user.id] = stranger
            self.counts.strangers += 1

    def collect(self) -> None:
        """Read on in the records."""
        newest = self._sim.last_update_id(self._town.bot)
        self.counts.updates += newest - self._last_update
        for update in range(self._last_update + 1, newest + 1):
            self._pending.setdefault(update, None)
        self._last_update = newest
        self._attempts = [each for each in self._attempts if not self._answered(each)]
        fresh = self._sim.deliveries_after(self._last_delivery)
        self._last_delivery = self._sim.last_delivery
        self._attempts.extend(each for each in fresh if not self._answered(each))
        calls = [*self._calls, *self._sim.calls_after(self._last_call)]
        self._last_call = self._sim.last_call
        self._calls = [call for call in calls if call.is_running]
        for call in calls:
            if not call.is_running:
                self._called(call)

    @property
    def lost(self) -> int:
        """How many updates nobody has acknowledged."""
        return len(self._pending)

    @property
    def stand(self) -> tuple[int, ...]:
        """What changes as long as anything is still being done."""
        counts = self.counts
        return len(self.active), self.lost, counts.mutes, counts.prompts, counts.deletions, counts.lifts

    @property
    def most_failures(self) -> int:
        """How often the unluckiest update had to be delivered again."""
        return max(self._failures.values(), default=0)

    @property
    def effects_missing(self) -> int:
        """How many strangers are not where they should be: silenced, or free again."""
        return len(self.active)

    def join(self, stranger: Stranger, now: float) -> None:
        """Have a stranger join the channel."""
        stranger.joined_at, stranger.join_at = now, None
        self._sim.join(stranger.user, self._town.channel)

    def unheard(self, since: float) -> list[Stranger]:
        """Return strangers who spoke before and may still speak."""
        return [
            each for each in self.active.values() if not each.mutes and each.joined_at is None and each.spoke_at < since
        ]

    def speaks_again(self, stranger: Stranger, now: float) -> None:
        """Have a stranger say another word: nobody is muted on a doubt."""
        with suppress(NotAllowed):
            stranger.message = self._sim.say(stranger.user, stranger.group, "hello again?").id
            stranger.spoke_at = now
            self.counts.let_through += 1

    def settle_strangers(self) -> list[Stranger]:
        """Let go of who is free again; return who has just been silenced."""
        silenced = []
        for stranger in list(self.active.values()):
            if stranger.joined_at is not None:
                if stranger.is_free:
                    del self.active[stranger.user.id]
            elif stranger.join_at is None and stranger.is_silenced and self._is_told(stranger):
                self.counts.deletions += 1
                self.counts.sharing += not stranger.prompts
                silenced.append(stranger)
        return silenced

    def _is_told(self, stranger: Stranger) -> bool:
        """Whether a prompt stands that says what to do: their own, or the one a crowd shares."""
        return stranger.prompts > 0 or self._shared_prompts.get(stranger.group.id) in stranger.group.messages

    def _answered(self, attempt: Delivery) -> bool:
        if attempt.finished is None:
            return False
        if attempt.status is None or attempt.status >= 300:
            if is_put_off(attempt):
                self.counts.put_off += 1
            else:
                self.counts.failed_attempts[attempt.error or "unknown"] += 1
            self._failures[attempt.update_id] += 1
            return True
        if attempt.update_id not in self._pending:
            self.counts.acknowledged_twice += 1
            return True
        self.counts.acknowledged += 1
        due = self._pending.pop(attempt.update_id)
        if due is not None:
            second = int(due - self.began)
            while len(self.until_answered) <= second:
                self.until_answered.append(array("f"))
            self.until_answered[second].append(attempt.finished - due)
        return True

    def _called(self, call: Call) -> None:
        self.counts.calls += 1
        if call.status != 200:
            self.counts.refused_calls[f"{call.method} {call.status} {call.error or ''}".strip()] += 1
        elif call.method == "restrictChatMember":
            self._restricted(call)
        elif call.method == "sendMessage":
            self._prompted(call)

    def _restricted(self, call: Call) -> None:
        permissions, stranger = call.params["permissions"], self._by_user.get(int(str(call.params["user_id"])))
        is_mute = isinstance(permissions, dict) and not any(permissions.values())
        ended = call.at + call.seconds
        if is_mute:
            self.counts.mutes += 1
            if stranger is None:
                self.counts.wrong_mutes += 1
                return
            self.counts.wrong_mutes += (
                stranger.joined_at is not None and call.at > stranger.joined_at + _IN_FLIGHT_SECONDS
            )
            stranger.mutes += 1
            self._done("mute", stranger.mutes)
            self.until_muted.append(ended - stranger.spoke_at)
        else:
            self.counts.lifts += 1
            if stranger is not None and stranger.joined_at is not None:
                stranger.lifts += 1
                self._done("lift", stranger.lifts)
                self.until_free.append(ended - stranger.joined_at)

    def _prompted(self, call: Call) -> None:
        if not isinstance(call.result, dict):
            return
        message, named = int(call.result["message_id"]), _MENTION.search(str(call.params.get("text")))
        if named is None:
            self._shared_prompts[int(str(call.params["chat_id"]))] = message
        elif stranger := self._by_user.get(int(named[1])):
            stranger.prompts += 1
            stranger.prompt = message
            self.counts.prompts += 1
            self._done("prompt", stranger.prompts)

    def _done(self, effect: str, times: int) -> None:
        if times > 1:
            self.counts.effects_doubled[effect] += 1
