"""When something is to be done: times of the day, or the five fields of cron. All of it in UTC."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

# The 29th of February may be eight years away.
_FARTHEST_DAYS = 366 * 8 + 1
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART = re.compile(r"(?:\*|(?P<low>\d+)(?:-(?P<high>\d+))?)(?:/(?P<step>[1-9]\d*))?")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Certain times of certain days."""

    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """Monday is 1, Sunday 7."""
    either_day: bool = False
    """A day of the month or a weekday suffices: so cron has it where both are named."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after `moment`, which is in UTC. Raises ValueError when there is none."""
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_FARTHEST_DAYS):
            if self._on(day):
                for each in self.times:
                    at = day.replace(hour=each.hour, minute=each.minute)
                    if at > moment:
                        return at
            day += timedelta(days=1)
        raise ValueError("there is no such day")

    def _on(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week


def parse_schedule(text: str) -> Schedule:
    """Read "03:00", "03:00,15:30" or "0 3 * * 1-5". Raises ValueError with one sentence."""
    parts = [part.strip() for part in text.split(",")]
    if all(_TIME.fullmatch(part) for part in parts):
        times = {time(int(part[:-3]), int(part[-2:])) for part in parts}
        return Schedule(tuple(sorted(times)), _all("day"), _all("month"), _all("weekday") - {0})
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{text!r} is neither a time like 03:00 nor the five fields of cron")
    minutes, hours, days, months, weekdays = (
        frozenset(_values(field, name, low, high)) for field, (name, low, high) in zip(fields, _FIELDS, strict=True)
    )
    schedule = Schedule(
        times=tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        days=days,
        months=months,
        weekdays=frozenset(day or 7 for day in weekdays),
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )
    schedule.next_after(datetime.min)  # noqa: DTZ901 - any day will do to find out whether there is one
    return schedule


def _all(name: str) -> frozenset[int]:
    return next(frozenset(range(low, high + 1)) for field, low, high in _FIELDS if field == name)


def _values(field: str, name: str, least: int, most: int) -> Iterator[int]:
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{field!r} is no {name} of cron")
        low, high, step = match["low"], match["high"], match["step"]
        first = least if low is None else int(low)
        last = int(high) if high else first if low and not step else most
        if not least <= first <= last <= most:
            raise ValueError(f"a {name} is {least} to {most}, not {part}")
        yield from range(first, last + 1, int(step or 1))
