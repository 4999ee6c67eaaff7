"""The configuration of groups, on a real PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncpg
import pytest

from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.repositories.groups import PostgresGroups
from bot.domain.errors import StoreUnavailableError
from bot.domain.group import Exemption, GroupSetup
from bot.domain.ids import BotId, GroupId, UserId
from tests.kits.world import ADMIN, BOT, GROUP, LOUNGE, NEWS, STRANGER

pytestmark = pytest.mark.servers

_SETUP = GroupSetup(
    bot_id=BOT,
    group_id=GROUP,
    title=LOUNGE.title,
    username=None,
    basic_group=False,
    language="en",
    channels=LOUNGE.channels,
    by=ADMIN,
)


@pytest.mark.parametrize(
    "change",
    [
        lambda groups: groups.protect(_SETUP),
        lambda groups: groups.unprotect(BOT, GROUP, ADMIN),
        lambda groups: groups.pause(BOT, GROUP, "admin", was=None, free=True),
        lambda groups: groups.resume(BOT, GROUP, was="admin"),
        lambda groups: groups.move(BOT, GROUP, GROUP),
        lambda groups: groups.set_policy(BOT, GROUP, {}, ADMIN),
        lambda groups: groups.set_link(LOUNGE, NEWS, None),
        lambda groups: groups.set_language(BOT, GROUP, "de", ADMIN),
        lambda groups: groups.set_prompt_text(BOT, GROUP, None, ADMIN),
        lambda groups: groups.exempt(BOT, GROUP, Exemption(STRANGER, "Sam"), ADMIN),
        lambda groups: groups.unexempt(BOT, GROUP, UserId(STRANGER), ADMIN),
    ],
)
async def test_no_change_overtakes_commands_that_wait(
    database_url: str, change: Callable[[PostgresGroups], Awaitable[object]]
) -> None:
    """What an admin was told is kept comes first: a later word of the same admin would be undone by it."""

    async def others_first(_: BotId) -> None:
        raise StoreUnavailableError("commands that were given during an outage come first")

    async with open_database(database_url, pool_size=1, statements=load_statements()) as database:
        with pytest.raises(StoreUnavailableError, match="come first"):
            await change(PostgresGroups(database=database, turn=others_first))


@pytest.mark.parametrize("page", [1, 2, 5, 6])
async def test_many_groups_are_read_by_the_page(database_url: str, page: int) -> None:
    """All of them, each once, whether or not the last page is full and changes came one by one or all at once."""
    async with open_database(database_url, pool_size=1, statements=load_statements()) as database:
        await database.execute("take_token", BOT, b"sealed", None, 0)
        groups = PostgresGroups(database=database, page=page)
        before, _ = await groups.changed_since(-1)
        wanted = [GroupId(GROUP - number) for number in range(5)]
        for group in wanted:
            await groups.protect(replace(_SETUP, group_id=group))
        one_by_one = await groups.changed_since(before)
        connection = await asyncpg.connect(database_url)
        await connection.execute("UPDATE protected_groups SET seq = (SELECT seq FROM config_counter)")
        await connection.close()
        at_once = await groups.changed_since(before)

    assert [group.group_id for group in one_by_one[1]] == wanted
    assert sorted(group.group_id for group in at_once[1]) == sorted(wanted)
    assert one_by_one[0] == at_once[0]
