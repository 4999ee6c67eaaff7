"""What the owners of channels say, on a real PostgreSQL: a veto and a set-up at the same moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.repositories.channel_uses import PostgresChannels
from bot.core.repositories.groups import PostgresGroups
from bot.domain.consent import Answer, Stopped
from bot.domain.errors import ChannelVetoedError
from bot.domain.group import Channel, GroupSetup
from bot.domain.ids import BotId, ChannelId, GroupId, UserId

pytestmark = pytest.mark.servers

BOT, GROUP, NEWS, OWNER = BotId(1), GroupId(-1001), ChannelId(-2001), UserId(7)
_TESTS_OWN = {"add": "INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, '', 'sealed')"}
SETUP = GroupSetup(
    bot_id=BOT,
    group_id=GROUP,
    title="Lounge",
    username=None,
    basic_group=False,
    language="en",
    channels=(Channel(NEWS, "News", None, "https://t.me/+a"),),
    by=OWNER,
)


@dataclass
class Tables:
    """Groups and channels of one bot."""

    groups: PostgresGroups
    channels: PostgresChannels

    async def veto(self) -> Stopped | None:
        """Forbid the group the channel."""
        return await self.channels.answer(BOT, NEWS, GROUP, "Lounge", Answer.VETOED, OWNER)

    async def required(self) -> tuple[ChannelId, ...]:
        """Return what the group requires, as instances read it."""
        _, (group,) = await self.groups.changed_since(-1)
        return group.channel_ids if group.protected else ()


@pytest.fixture
async def tables(database_url: str) -> AsyncIterator[Tables]:
    """Open a database with one bot."""
    async with open_database(database_url, pool_size=4, statements={**load_statements(), **_TESTS_OWN}) as database:
        await database.execute("add", BOT)
        yield Tables(PostgresGroups(database=database), PostgresChannels(database=database))


async def test_no_set_up_slips_in_behind_a_veto(tables: Tables) -> None:
    """Whichever comes first, the group does not require the channel afterwards."""
    await tables.groups.protect(SETUP)
    for _ in range(10):
        await tables.channels.answer(BOT, NEWS, GROUP, "Lounge", Answer.ALLOWED, OWNER)
        _, refused = await asyncio.gather(tables.veto(), tables.groups.protect(SETUP), return_exceptions=True)

        assert refused == () or isinstance(refused, ChannelVetoedError)
        assert await tables.required() == ()


async def test_a_set_up_that_was_checked_before_a_veto_changes_nothing(tables: Tables) -> None:
    """All of it is undone: the group stays open, and its other channels, too."""
    await tables.groups.protect(SETUP)
    stopped = await tables.veto()
    with pytest.raises(ChannelVetoedError, match="News"):
        await tables.groups.protect(SETUP)

    assert stopped == Stopped((), is_open=True)
    assert await tables.required() == ()


async def test_nobody_who_has_an_answer_asks_again(tables: Tables) -> None:
    """A question does not wash a veto away, nor a permission."""
    await tables.groups.protect(SETUP)
    for answer in (Answer.VETOED, Answer.ALLOWED):
        await tables.channels.answer(BOT, NEWS, GROUP, "Lounge", answer, OWNER)
        await tables.channels.answer(BOT, NEWS, GROUP, "Lounge", Answer.ASKED, OWNER)

        assert (await tables.channels.terms(BOT, NEWS, GROUP)).answer is answer
