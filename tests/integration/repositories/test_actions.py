"""Scheduled actions on a real PostgreSQL: one instance does each, later if need be, and never for ever."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.repositories.actions import ScheduledActions
from bot.domain.ids import InstanceId
from bot.domain.intent import Deletion

pytestmark = pytest.mark.servers

BOT = 1
_TESTS_OWN = {
    "schedule": """
        INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, due_at)
        SELECT $1, $2, -1001, number, now() FROM generate_series(1, $3) number
    """,
    "age": """
        UPDATE scheduled_actions
        SET due_at = due_at - make_interval(secs => $1), lease_until = lease_until - make_interval(secs => $1)
    """,
    "look": "SELECT action_id, attempts, dead_at, last_error, due_at - now() AS wait FROM scheduled_actions",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open the test's database, with one bot."""
    async with open_database(database_url, pool_size=4, statements={**load_statements(), **_TESTS_OWN}) as database:
        await database.execute("take_token", BOT, b"sealed", None, 0)
        yield database


def instance(database: Database) -> ScheduledActions:
    """Return one instance's view."""
    return ScheduledActions(database=database, instance=InstanceId(uuid4()))


async def test_two_instances_share_what_is_due(database: Database) -> None:
    """Nothing is taken twice while a lease lasts, and nothing is left."""
    await database.execute("schedule", BOT, "delete_message", 30)
    here, there = instance(database), instance(database)

    mine, theirs, rest = await here.take(20), await there.take(20), await here.take(20)

    assert {action.message_id for action in (*mine, *theirs) if isinstance(action, Deletion)} == set(range(1, 31))
    assert (len(mine), len(theirs), len(rest)) == (20, 10, 0)


async def test_a_dead_instance_s_actions_are_taken_over(database: Database) -> None:
    """After its lease; and should it come back to life, what it says is not listened to."""
    await database.execute("schedule", BOT, "delete_message", 1)
    dead, heir = instance(database), instance(database)
    (action,) = await dead.take(10)

    await database.execute("age", 11)
    taken = await heir.take(10)
    await dead.failed([action.action_id], "too late")
    await dead.done([action.action_id])

    assert taken == [action]
    (row,) = await database.rows("look")
    assert (row["attempts"], row["last_error"]) == (2, None)


async def test_pauses_double_and_the_tenth_failure_is_the_last(database: Database) -> None:
    """2 s, 4 s, 8 s, ... at most five minutes; then it waits for a person."""
    await database.execute("schedule", BOT, "delete_message", 1)
    actions, pauses = instance(database), list[int]()

    for _ in range(10):
        (action,) = await actions.take(10)
        await actions.failed([action.action_id], "deleteMessage: away")
        (failed,) = await database.rows("look")
        pauses.append(round(failed["wait"].total_seconds()))
        await database.execute("age", 301)

    (row,) = await database.rows("look")

    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert row["dead_at"] is not None
    assert await actions.take(10) == []


async def test_waiting_is_not_failing(database: Database) -> None:
    """However often Telegram asks for patience, the action stays alive."""
    await database.execute("schedule", BOT, "delete_message", 1)
    actions = instance(database)

    for _ in range(12):
        (action,) = await actions.take(10)
        await actions.wait([action.action_id], seconds=30)
        assert await actions.take(10) == []
        await database.execute("age", 31)

    (row,) = await database.rows("look")
    assert (row["attempts"], row["dead_at"]) == (0, None)


async def test_what_a_newer_release_schedules_is_left_to_it(database: Database) -> None:
    """An action of a kind that this release does not know is not touched."""
    await database.execute("schedule", BOT, "send_flowers", 1)

    assert await instance(database).take(10) == []
