"""How many statements an update costs, counted by PostgreSQL itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from bot.core.clock import SystemClock
from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.updates import UpdateStore
from bot.domain.event import Cause
from bot.domain.ids import GroupId, InstanceId, UpdateId
from bot.domain.intent import Intent, Receipt, Regate, Want
from bot.domain.restriction import Wanted
from bot.utils.optimizer.connecting import Connection, connected
from bot.utils.optimizer.counting import calls, query_ids, statistics_are_there, usage
from bot.utils.optimizer.traffic import costs
from tests.contract.desk import BOT, NEWS, SETUP, USER

pytestmark = pytest.mark.servers


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    async with connected(database_url) as connection:
        yield connection


async def test_every_kind_of_update_has_its_price(connection: Connection, database_url: str, redis_url: str) -> None:
    """A member's message costs none; a mute, a press and a freedom cost what they always cost."""
    names = await query_ids(connection)
    found = await costs(connection, names, database_url=database_url, redis_url=redis_url, clock=SystemClock())

    prices = {cost.update: cost.count for cost in found}
    assert prices["a member's further message"] == 0
    assert [(cost.update, dict(cost.statements)) for cost in found if cost.count > cost.most] == []
    assert all(count for update, count in prices.items() if update != "a member's further message")


@pytest.mark.parametrize("groups", [1, 12])
async def test_an_update_costs_the_same_in_one_group_and_in_twelve(
    connection: Connection, database_url: str, groups: int
) -> None:
    """Who leaves or joins a channel that guards many groups: no statement is repeated for each of them."""
    names = await query_ids(connection)
    async with open_database(database_url, pool_size=2, statements=load_statements()) as database:
        store, inbox = PostgresGroups(database=database), UpdateStore(database=database, instance=InstanceId(uuid4()))
        await database.execute("take_token", BOT, b"sealed", None, 0)
        for number in range(groups):
            setup = replace(SETUP, group_id=GroupId(-2_000 - number))
            await store.protect(setup)
            await store.seen([(BOT, setup.group_id, USER, datetime.now(UTC))])
        before = await calls(connection, names)

        async def commit(number: int, *intents: Intent) -> int:
            claim = await inbox.claim(BOT, UpdateId(number))
            assert isinstance(claim, Receipt)
            cases = await inbox.settle(claim, intents)
            assert len(cases) == groups
            await inbox.settle(await _claimed(inbox, number + 1), [Want(cases, Wanted.FREE, Cause.PRESS)])
            return len(cases)

        await commit(1, Regate(BOT, USER, NEWS, "Sam"))
        spent = await calls(connection, names)

    assert dict(spent - before) == {
        "claim_update": 2,
        "finish_update": 2,
        "regate": 1,
        "recheck_for_channel": 1,
        "want_cases": 1,
    }


async def _claimed(inbox: UpdateStore, number: int) -> Receipt:
    claim = await inbox.claim(BOT, UpdateId(number))
    assert isinstance(claim, Receipt)
    return claim


async def test_what_has_run_is_called_by_its_name(connection: Connection, database_url: str) -> None:
    """With its calls, rows and times, as the server counted them."""
    assert await statistics_are_there(connection)
    async with open_database(database_url, pool_size=2, statements=load_statements()) as database:
        for _ in range(7):
            await database.row("get_protected_group", 1, 2)

    used = {each.statement: each for each in await usage(connection, await query_ids(connection))}
    assert used["get_protected_group"].calls == 7
    assert used["get_protected_group"].rows == 0
