"""How long rows are kept, on the real PostgreSQL and over months."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from bot.core.postgres.database import open_database
from bot.core.postgres.retention import Periods, Retention
from bot.core.postgres.statements import load_statements
from bot.domain.errors import StoreUnavailableError

pytestmark = pytest.mark.servers

_PERIODS = Periods(events=90, cases=30, audit=365, members=180, letters=30)


@dataclass(slots=True)
class House:
    """A database whose clock says what a test likes."""

    connection: "asyncpg.Connection[asyncpg.Record]"
    database_url: str

    async def sweep_at(self, moment: datetime) -> None:
        """Do all chores as if it were that time."""
        then = f"timestamptz '{moment.isoformat()}'"
        statements = {name: text.replace("now()", then) for name, text in load_statements().items()}
        async with open_database(self.database_url, pool_size=1, statements=statements) as database:
            retention = Retention(database=database, periods=_PERIODS)
            for chore in (retention.events, retention.cases, retention.audit, retention.members, retention.letters):
                await chore()

    async def partitions(self) -> list[str]:
        rows = await self.connection.fetch(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'verification_events'::regclass ORDER BY 1"
        )
        return [row[0].removeprefix("verification_events_") for row in rows]

    async def event_at(self, moment: datetime) -> None:
        await self.connection.execute(
            "INSERT INTO verification_events (at, bot_id, group_id, user_id, outcome) VALUES ($1, 42, -1, 3, 'passed')",
            moment,
        )

    async def count(self, table: str) -> int:
        count: int = await self.connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a test's own names
        return count


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO bots (bot_id, username, token_encrypted) VALUES (42, 'gate', '')")
    yield House(connection, database_url)
    await connection.close()


async def test_events_live_as_long_as_was_asked(house: House) -> None:
    """Swept each week over half a year: what is younger than the period is there, what is older goes by the week."""
    start = datetime.now(UTC)
    kept: list[int] = []
    for week in range(26):
        moment = start + timedelta(weeks=week)
        await house.sweep_at(moment)
        for day in range(7):
            await house.event_at(moment + timedelta(days=day))
        oldest = await house.connection.fetchval("SELECT min(at) FROM verification_events")
        assert oldest >= moment - timedelta(days=97)
        kept.append(await house.count("verification_events"))

    assert await house.count("verification_events_rest") == 0
    assert kept[12] == 13 * 7
    assert max(kept) <= 90 + 2 * 7
    assert len(await house.partitions()) <= 20


async def test_a_month_without_housekeeping_loses_nothing(house: House) -> None:
    """Events whose partition was never made wait in the default one, and are moved when it is made."""
    late = datetime.now(UTC) + timedelta(weeks=10)
    for day in range(20):
        await house.event_at(late + timedelta(days=day))
    assert await house.count("verification_events_rest") == 20

    await house.sweep_at(late)

    assert await house.count("verification_events_rest") == 0
    assert await house.count("verification_events") == 20


async def test_instances_that_sweep_at_once_agree(house: House) -> None:
    """Each partition is made once, whoever makes it."""
    moment = datetime.now(UTC) + timedelta(weeks=30)

    await asyncio.gather(*(house.sweep_at(moment) for _ in range(4)))

    parts = await house.partitions()
    assert (moment - timedelta(days=moment.weekday())).strftime("%Y%m%d") in parts
    assert len(parts) == len(set(parts))


async def test_a_reader_delays_the_dropping_and_nobody_else(house: House, database_url: str) -> None:
    """While a backup reads the events, the sweep gives up after half a second, and a later one succeeds."""
    await house.event_at(datetime.now(UTC))
    reader = await asyncpg.connect(database_url)
    await reader.execute("BEGIN; SELECT count(*) FROM verification_events")
    later = datetime.now(UTC) + timedelta(days=200)

    with pytest.raises(StoreUnavailableError):
        await house.sweep_at(later)
    await house.event_at(datetime.now(UTC))
    await reader.close()
    await house.sweep_at(later)

    assert await house.count("verification_events") == 0


@pytest.mark.parametrize(
    ("table", "days", "stay"),
    [
        ("restrictions", 30, 1),
        # It is 100 days old: PostgreSQL itself lets no entry go that is not.
        ("audit_log", 265, 0),
        ("group_members_seen", 180, 0),
        ("dead_letters", 30, 0),
        ("scheduled_actions", 30, 0),
    ],
)
async def test_everything_else_goes_when_its_time_has_come(house: House, table: str, days: int, stay: int) -> None:
    """A day before the end of its period it is there, a day after it is gone; an open case stays."""
    await house.connection.execute(
        """
        INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted, closed_at)
        VALUES (42, -1, 3, 'Sam', 'en', 'mute', 'free', now()), (42, -1, 4, 'Pat', 'en', 'mute', 'mute', NULL);
        INSERT INTO audit_log (at, bot_id, actor, action) VALUES (now() - interval '100 days', 42, 1, 'protect');
        INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at) VALUES (42, -1, 3, now());
        INSERT INTO dead_letters (bot_id, update_id, body, error) VALUES (42, 7, '', 'why');
        INSERT INTO scheduled_actions (bot_id, kind, chat_id, due_at, dead_at) VALUES (42, 'k', 1, now(), now());
        """
    )
    await house.sweep_at(datetime.now(UTC) + timedelta(days=days - 1))
    assert await house.count(table) == stay + 1

    await house.sweep_at(datetime.now(UTC) + timedelta(days=days + 1))
    assert await house.count(table) == stay


async def test_many_sightings_are_walked_through(house: House) -> None:
    """A page at a time, across bots and groups; who is seen meanwhile stays."""
    await house.connection.execute(
        "INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at)"
        " SELECT 42, -1 - n % 7, n, now() - make_interval(days => CASE WHEN n % 3 = 0 THEN 0 ELSE 200 END)"
        " FROM generate_series(1, 12000) n"
    )

    await house.sweep_at(datetime.now(UTC))

    assert await house.count("group_members_seen") == 4_000
