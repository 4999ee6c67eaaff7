"""Times of the day and the five fields of cron."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.schedule import parse_schedule

# A Thursday.
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("03:00", "2026-01-02 03:00"),
        ("3:00", "2026-01-02 03:00"),
        ("12:00", "2026-01-02 12:00"),
        ("12:01", "2026-01-01 12:01"),
        ("03:00, 15:30", "2026-01-01 15:30"),
        ("0 3 * * *", "2026-01-02 03:00"),
        ("*/20 * * * *", "2026-01-01 12:20"),
        ("5-10/5 13 * * *", "2026-01-01 13:05"),
        ("30 2 * * 0", "2026-01-04 02:30"),
        ("30 2 * * 7", "2026-01-04 02:30"),
        ("0 3 * * 1-5", "2026-01-02 03:00"),
        ("0 3 * * 6,7", "2026-01-03 03:00"),
        ("0 3 15 * *", "2026-01-15 03:00"),
        ("0 3 15 * 5", "2026-01-02 03:00"),
        ("0 3 1/10 * *", "2026-01-11 03:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("0 0 1 1 *", "2027-01-01 00:00"),
    ],
)
def test_the_next_time(text: str, expected: str) -> None:
    """Strictly after the moment that is given."""
    found = parse_schedule(text).next_after(NOON)

    assert f"{found:%Y-%m-%d %H:%M}" == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "24:00",
        "12:60",
        "03:00;04:00",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "0 0 31 2 *",
        "-1 * * * *",
    ],
)
def test_what_is_no_schedule(text: str) -> None:
    """It is said at the start, not found out at night."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_schedule(text)


@given(at=st.times(), now=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the strategy adds the zone
def test_a_time_of_the_day_comes_within_a_day(at: time, now: datetime) -> None:
    """And never now or in the past."""
    found = parse_schedule(f"{at:%H:%M}").next_after(now)

    assert timedelta(0) < found - now <= timedelta(days=1)
    assert (found.hour, found.minute, found.second) == (at.hour, at.minute, 0)


@given(step=st.integers(1, 59), now=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the strategy adds the zone
def test_every_so_many_minutes(step: int, now: datetime) -> None:
    """The minutes are those that the step reaches from the full hour."""
    found = parse_schedule(f"*/{step} * * * *").next_after(now)

    assert found.minute % step == 0
    assert timedelta(0) < found - now <= timedelta(minutes=step)
