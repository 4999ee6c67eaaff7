"""The rows of a seeded database: the same for the same scale, and as uneven as real ones."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from bot.utils.optimizer.scale import Scale

Row = tuple[object, ...]

INSTANCE = UUID("7d1b2c1e-0000-4000-8000-000000000001")
_OPEN_ONE_IN = 20
_KINDS = (
    ("passed", "first_sight"), ("stopped", "message"), ("muted", "message"), ("lifted", "joined_channel"),
    ("freed", "joined_channel"), ("stopped", "join"), ("freed", "press"), ("still_missing", "press"),
)  # fmt: skip

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bots": ("bot_id", "username", "token_encrypted"),
        "instances": ("instance_id", "host", "version"),
        "owners": ("bot_id", "user_id"),
        "channels": ("bot_id", "channel_id", "title", "username"),
        "protected_groups": ("bot_id", "group_id", "title", "configured_by", "protected", "paused_reason", "seq"),
        "group_aliases": ("bot_id", "old_id", "group_id"),
        "group_channel_links": ("bot_id", "group_id", "channel_id", "position"),
        "restrictions": (
            "bot_id", "group_id", "user_id", "user_name", "language", "enforcement", "wanted", "done", "done_at",
            "our_until", "prompt_state", "prompt_message_id", "prompt_channels", "due_at", "opened_at", "closed_at",
            "outcome", "cause",
        ),
        "group_members_seen": ("bot_id", "group_id", "user_id", "seen_at", "joined_at"),
        "group_days": ("bot_id", "group_id", "day", "unasked"),
        "updates_done": ("bot_id", "update_id", "state", "owner", "claimed_at"),
        "scheduled_actions": ("bot_id", "kind", "chat_id", "message_id", "due_at", "dead_at"),
        "dead_letters": ("bot_id", "update_id", "body", "error", "died_at", "replay_at"),
        "audit_log": ("at", "bot_id", "actor", "action", "chat_id"),
        "verification_events": (
            "at", "bot_id", "group_id", "user_id", "outcome", "detail", "channels", "case_id", "seconds",
        ),
    }
)  # fmt: skip


def bot_id(number: int) -> int:
    """Return a bot's id."""
    return 7_000_000_000 + number


def group_id(number: int) -> int:
    """Return a group's id."""
    return -(1_000_000_000_000 + number)


def channel_id(number: int) -> int:
    """Return a channel's id."""
    return -(1_002_000_000_000 + number)


def user_id(number: int) -> int:
    """Return a user's id."""
    return 100_000 + number


@dataclass(frozen=True, slots=True)
class Rows:
    """Makes the rows of every table. A few groups have very many of them, most have few."""

    scale: Scale
    now: datetime

    def tables(self) -> Iterator[tuple[str, int, Iterator[Row]]]:
        """Yield each table, how many rows it gets, and the rows, in an order that foreign keys allow."""
        scale = self.scale
        yield "bots", scale.bots, ((bot_id(n), f"gate_{n}_bot", b"sealed") for n in range(scale.bots))
        yield "instances", 1, iter([(INSTANCE, "host", "1")])
        yield "owners", scale.bots, ((bot_id(n), user_id(n)) for n in range(scale.bots))
        yield "channels", scale.channels, self._channels()
        yield "protected_groups", scale.groups, self._groups()
        yield "group_aliases", scale.groups // 2, self._aliases()
        yield "group_channel_links", scale.groups * 3 // 2, self._links()
        yield "restrictions", scale.cases, self._cases()
        yield "group_members_seen", scale.members, self._members()
        yield "group_days", scale.groups * 10, self._days()
        yield "updates_done", scale.updates, self._updates()
        yield "scheduled_actions", scale.actions, self._actions()
        yield "dead_letters", 20, self._letters()
        yield "audit_log", scale.audit, self._audit()
        yield "verification_events", scale.events, self._events()

    def _group(self, dice: random.Random) -> int:
        return int(self.scale.groups * dice.random() ** 3)

    def _ago(self, dice: random.Random, days: float) -> datetime:
        return self.now - timedelta(seconds=dice.random() * days * 86_400)

    def _channels(self) -> Iterator[Row]:
        for n in range(self.scale.channels):
            yield bot_id(n % self.scale.bots), channel_id(n), f"Channel {n}", f"channel_{n}"

    def _groups(self) -> Iterator[Row]:
        for n in range(self.scale.groups):
            paused = "channel_lost" if (n + 1) % 50 == 0 else None
            bot = bot_id(n % self.scale.bots)
            yield bot, group_id(n), f"Group {n}", user_id(n), (n + 1) % 20 != 0, paused, n + 1

    def _aliases(self) -> Iterator[Row]:
        for n in range(0, self.scale.groups // 2 * 2, 2):
            yield bot_id(n % self.scale.bots), -n - 1, group_id(n)

    def _links(self) -> Iterator[Row]:
        each = self.scale.channels // self.scale.bots
        for n in range(self.scale.groups):
            own = n % self.scale.bots
            # The first channel of each bot guards a tenth of its groups: one channel, many groups.
            first = 0 if n // self.scale.bots % 10 == 0 else n * 7 % each
            for position in range(1 + n % 2):
                chosen = (first + position * (1 + n % (each - 1))) % each
                yield bot_id(own), group_id(n), channel_id(own + chosen * self.scale.bots), position

    def _cases(self) -> Iterator[Row]:
        never = self.now + timedelta(days=3_650)
        dice = random.Random(1)  # noqa: S311 - the same rows each time
        for n in range(self.scale.cases):
            group = self._group(dice)
            opened = self._ago(dice, 30)
            is_open = n % _OPEN_ONE_IN == 0
            user = user_id(n if is_open else self.scale.cases + dice.randrange(self.scale.cases // 3))
            channels = [channel_id(group % self.scale.bots)]
            state = ("mute", "muted", opened, opened + timedelta(days=200, seconds=n), "sent", n + 1, channels)
            if is_open:
                due = self.now - timedelta(seconds=1) if n % 2000 == 0 else opened + timedelta(days=60)
                end: Row = (due, opened, None, None, "message")
            else:
                end = (never, opened, opened + timedelta(minutes=dice.random() * 60), "freed", "joined_channel")
            yield (bot_id(group % self.scale.bots), group_id(group), user, f"User {n}", "en", "mute", *state, *end)

    def _members(self) -> Iterator[Row]:
        dice = random.Random(2)  # noqa: S311 - the same rows each time
        for n in range(self.scale.members):
            # Members of three groups each, spread evenly, so that no pair comes twice.
            group = (n // 3 * 7 + n % 3 * 31) % self.scale.groups
            seen = self._ago(dice, 150)
            joined = seen if n % 2 else None
            yield bot_id(group % self.scale.bots), group_id(group), user_id(n // 3), seen, joined

    def _days(self) -> Iterator[Row]:
        for n in range(self.scale.groups):
            for day in range(10):
                yield bot_id(n % self.scale.bots), group_id(n), (self.now - timedelta(days=3 * day)).date(), n + day

    def _updates(self) -> Iterator[Row]:
        each = 90_000 / max(self.scale.updates, 1)
        for n in range(self.scale.updates):
            yield bot_id(n % self.scale.bots), n, "done", INSTANCE, self.now - timedelta(seconds=90_000 - n * each)

    def _actions(self) -> Iterator[Row]:
        for n in range(self.scale.actions):
            dead = self.now - timedelta(days=1) if (n + 1) % 500 == 0 else None
            due = self.now + timedelta(minutes=n - 100)
            bot, group = bot_id(n % self.scale.bots), group_id(n % self.scale.groups)
            yield bot, "delete_message", group, n, due, dead

    def _letters(self) -> Iterator[Row]:
        for n in range(20):
            replay = self.now if n % 10 == 0 else None
            yield bot_id(0), 10**9 + n, b"{}", "RuntimeError: broken", self.now - timedelta(days=n), replay

    def _audit(self) -> Iterator[Row]:
        dice = random.Random(3)  # noqa: S311 - the same rows each time
        step = timedelta(days=300) / max(self.scale.audit, 1)
        for n in range(self.scale.audit):
            group = self._group(dice)
            at = self.now - timedelta(days=300) + n * step
            yield at, bot_id(group % self.scale.bots), user_id(group), "protect", group_id(group)

    def _events(self) -> Iterator[Row]:
        """In the order of time, as they come."""
        dice = random.Random(4)  # noqa: S311 - the same rows each time
        scale, roll = self.scale, dice.random
        start, step = self.now - timedelta(days=scale.days), timedelta(days=scale.days) / scale.events
        for n in range(scale.events):
            group = int(scale.groups * roll() ** 3)
            user, bot = user_id(int(roll() * scale.cases * 4 / 3)), group % scale.bots
            kind, reason = _KINDS[n % 8]
            channels = [channel_id(bot)] if n % 8 else []
            yield start + n * step, bot_id(bot), group_id(group), user, kind, reason, channels, n // 8 or None, 1.5
