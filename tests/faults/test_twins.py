"""Two databases that both take changes: what is changed in either is in both, also after a time apart."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from bot.cli import build_cli
from bot.core.embedded import EmbeddedServers
from bot.core.twin.linking import Side, Twins
from bot.domain.errors import TwinError
from bot.domain.twin import faults_of
from tests.faults.proxy import Proxy, proxied
from tests.kits.platform import ENCRYPTION_KEY, eventually
from tests.kits.servers import fresh_database, running_servers

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def other_servers() -> Iterator[EmbeddedServers]:
    """Run a second PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="gmbot-twin-") as name:
        place = Path(name)
        place.chmod(0o711)
        with running_servers(place / "home") as servers:
            yield servers


@dataclass
class Pair:
    """Both databases, and the link between them."""

    here: str
    there: str
    links: tuple[Proxy, Proxy]
    twins: Twins

    async def at(self, url: str, *statements: str) -> None:
        """Change something, each statement as a change of the configuration."""
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                async with connection.transaction():
                    await connection.execute("UPDATE config_counter SET seq = seq + 1")
                    await connection.execute(statement)
        finally:
            await connection.close()

    async def rows(self, url: str, query: str) -> list[tuple[Any, ...]]:
        """Ask."""
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    def cut(self) -> None:
        """Have neither hear the other one."""
        for link in self.links:
            link.cut()

    async def heal(self) -> None:
        """Have both hear each other again."""
        for link in self.links:
            link.reset()
            await link.heal()

    async def equal(self) -> bool:
        """Whether both hear each other, have confirmed everything, and hold the same."""
        sides = await self.twins.compare()
        return not faults_of(*sides)

    async def settled(self) -> None:
        """Wait until both are equal, and stay so: until whatever was written now has come through on both sides."""
        marks = [(url, await self.rows(url, "SELECT pg_current_wal_lsn()::text")) for url in (self.here, self.there)]

        async def through() -> bool:
            for url, mark in marks:
                sent = await self.rows(
                    url,
                    f"SELECT confirmed_flush_lsn >= '{mark[0][0]}'::pg_lsn FROM pg_replication_slots"  # noqa: S608 - a position
                    " WHERE slot_name = 'gmbot_twin'",
                )
                if sent != [(True,)]:
                    return False
            return await self.equal()

        await eventually(through, "both are equal", within=60)


@pytest.fixture
async def pair(servers: EmbeddedServers, other_servers: EmbeddedServers) -> AsyncIterator[Pair]:
    """Make two databases twins, each reaching the other through a proxy."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(fresh_database(servers))
        there = await stack.enter_async_context(fresh_database(other_servers))
        links = (await stack.enter_async_context(proxied(here)), await stack.enter_async_context(proxied(there)))
        twins = Twins(Side("here", here, links[0].url(here)), Side("there", there, links[1].url(there)))
        made = Pair(here, there, links, twins)
        await made.at(here, BOT.format(1))
        await twins.set_up()
        try:
            yield made
        finally:
            await made.heal()
            await twins.remove()


BOT = "INSERT INTO bots (bot_id, username, token_encrypted, seq) VALUES ({0}, 'bot{0}', '\\x00ff', 1)"
GROUP = (
    "INSERT INTO protected_groups (bot_id, group_id, title, configured_by, seq) VALUES ({0}, {1}, '{2}', 7, 1)"
    " ON CONFLICT (bot_id, group_id) DO UPDATE SET title = excluded.title, protected = true, updated_at = now()"
)
CHANNEL = "INSERT INTO channels (bot_id, channel_id, title) VALUES ({0}, {1}, 'News')"
LINK = "INSERT INTO group_channel_links (bot_id, group_id, channel_id, position) VALUES ({0}, {1}, {2}, 0)"


async def test_what_is_there_and_what_comes_is_in_both(pair: Pair) -> None:
    """Rows of before, inserts, updates, deletions, and a group that takes another id with all that hangs on it."""
    await pair.settled()
    await pair.at(pair.here, GROUP.format(1, -10, "Lounge"), CHANNEL.format(1, -20), LINK.format(1, -10, -20))
    await pair.settled()
    there = await pair.rows(pair.there, "SELECT title FROM protected_groups")
    await pair.at(pair.there, "UPDATE protected_groups SET group_id = -11, title = 'Bar'", CHANNEL.format(1, -21))
    await pair.settled()
    moved = await pair.rows(pair.here, "SELECT group_id, channel_id FROM group_channel_links")
    await pair.at(pair.there, "DELETE FROM bots")
    await pair.settled()

    assert there == [("Lounge",)]
    assert moved == [(-11, -20)]
    assert await pair.rows(pair.here, "SELECT FROM channels UNION ALL SELECT FROM protected_groups") == []
    assert await pair.rows(pair.here, "SELECT outcome FROM gmbot_twin.conflicts") == []


async def test_instances_hear_of_it_and_cases_are_looked_at_again(pair: Pair) -> None:
    """A group that is given up at the other side keeps nobody muted here."""
    await pair.at(pair.here, GROUP.format(1, -10, "Lounge"))
    await pair.settled()
    await pair.at(
        pair.here,
        "INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted, done)"
        " VALUES (1, -10, 5, 'Sam', 'en', 'mute', 'mute', 'muted')",
    )
    before = await pair.rows(pair.here, "SELECT seq FROM config_counter")
    await pair.at(pair.there, "UPDATE protected_groups SET protected = false, updated_at = now()")
    await pair.settled()
    ((wanted, version),) = await pair.rows(pair.here, "SELECT wanted, version FROM restrictions")
    ((seq, counter),) = await pair.rows(pair.here, "SELECT seq, (SELECT seq FROM config_counter) FROM protected_groups")

    assert (wanted, version) == ("free", 2)
    assert seq == counter
    assert (counter,) > before[0]


async def test_a_split_brain_heals(pair: Pair) -> None:
    """Both sides change the same rows while neither hears the other: the later change stays, of each row, on both."""
    await pair.at(pair.here, *(GROUP.format(1, -number, "before") for number in range(1, 41)))
    await pair.settled()
    pair.cut()
    dice = random.Random(4)
    last: dict[int, str] = {}
    for turn in range(120):
        group, side = dice.randint(1, 40), dice.choice(("here", "there"))
        last[group] = f"{side} {turn}"
        url = pair.here if side == "here" else pair.there
        await pair.at(url, f"UPDATE protected_groups SET title = '{last[group]}' WHERE group_id = {-group}")  # noqa: S608 - ours
    apart = not await pair.equal()
    await pair.heal()
    await pair.settled()
    titles = {
        -group: title for group, title in await pair.rows(pair.here, "SELECT group_id, title FROM protected_groups")
    }
    conflicts = await pair.rows(pair.there, "SELECT outcome, count(*) FROM gmbot_twin.conflicts GROUP BY 1")
    audit = await pair.rows(pair.there, "SELECT count(*) FROM audit_log WHERE action = 'twin_conflict'")

    assert apart
    assert {group: title for group, title in titles.items() if group in last} == last
    assert {outcome for outcome, _ in conflicts} <= {"ours", "theirs"}
    assert conflicts
    assert audit[0][0] == sum(count for _, count in conflicts)


async def test_what_only_one_may_have_the_later_one_gets(pair: Pair) -> None:
    """Two bots that gate one group, and two that take one name, stop nothing: both sides come to the same end."""
    await pair.at(pair.here, BOT.format(2))
    await pair.settled()
    pair.cut()
    await pair.at(pair.here, GROUP.format(1, -10, "Lounge"), "UPDATE bots SET name = 'gate' WHERE bot_id = 1")
    await pair.at(pair.there, GROUP.format(2, -10, "Lounge"), "UPDATE bots SET name = 'Gate' WHERE bot_id = 2")
    await pair.heal()
    await pair.settled()
    gates = [
        await pair.rows(url, "SELECT bot_id FROM protected_groups WHERE protected") for url in (pair.here, pair.there)
    ]
    names = [await pair.rows(url, "SELECT bot_id, name FROM bots ORDER BY 1") for url in (pair.here, pair.there)]
    await pair.at(pair.here, GROUP.format(1, -30, "Next"))
    await pair.settled()

    assert gates == [[(2,)], [(2,)]]
    assert names == [[(1, None), (2, "Gate")]] * 2
    assert await pair.rows(pair.there, "SELECT title FROM protected_groups WHERE group_id = -30") == [("Next",)]
    outcomes = await pair.rows(pair.here, "SELECT DISTINCT outcome FROM gmbot_twin.conflicts ORDER BY 1")
    assert outcomes == [("bots_name",), ("protected_groups_one_gate",)]


async def test_what_hangs_on_something_deleted_goes_with_it(pair: Pair) -> None:
    """A bot is removed here while a group is protected with it there: no row is left that belongs to nothing."""
    await pair.at(pair.here, CHANNEL.format(1, -20))
    await pair.settled()
    pair.cut()
    await pair.at(pair.here, "DELETE FROM bots WHERE bot_id = 1")
    await pair.at(pair.there, GROUP.format(1, -10, "Lounge"), LINK.format(1, -10, -20))
    await pair.heal()
    await pair.settled()

    for url in (pair.here, pair.there):
        assert await pair.rows(url, "SELECT FROM protected_groups UNION ALL SELECT FROM group_channel_links") == []
    assert ("orphan",) in await pair.rows(pair.here, "SELECT outcome FROM gmbot_twin.conflicts")


async def test_connections_that_break_cost_nothing(pair: Pair) -> None:
    """Not one change, however often they break."""
    await pair.settled()
    for turn in range(10):
        await pair.at(pair.here, GROUP.format(1, -turn - 1, "Lounge"))
        await pair.at(pair.there, GROUP.format(1, -turn - 101, "Bar"))
        for link in pair.links:
            link.reset()
    await pair.settled()

    assert len(await pair.rows(pair.here, "SELECT FROM protected_groups")) == 20


async def test_a_lost_slot_is_made_anew(pair: Pair) -> None:
    """Nothing that was changed or deleted meanwhile would ever come: all is told once more, what is gone, too."""
    await pair.at(pair.here, *(GROUP.format(1, -number, "before") for number in range(1, 5)), CHANNEL.format(1, -20))
    await pair.at(pair.here, LINK.format(1, -1, -20))
    await pair.settled()
    pair.cut()
    for url in (pair.here, pair.there):
        await pair.at(
            url,
            "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'",
            "SELECT pg_drop_replication_slot('gmbot_twin')",
        )
    await pair.at(pair.here, GROUP.format(1, -2, "here"), "DELETE FROM group_channel_links")
    await pair.at(pair.there, GROUP.format(1, -3, "there"), "DELETE FROM protected_groups WHERE group_id = -4")
    await pair.heal()
    faults = faults_of(*await pair.twins.compare())
    await pair.twins.sync()
    await pair.settled()
    titles = await pair.rows(pair.here, "SELECT group_id, title FROM protected_groups ORDER BY 1 DESC")
    await pair.at(pair.there, GROUP.format(1, -5, "after"))
    await pair.settled()

    assert [each for each in faults if "gmbot twin sync" in each] == [
        "here holds no log for the other one any more: `gmbot twin sync`",
        "there holds no log for the other one any more: `gmbot twin sync`",
    ]
    assert titles == [(-1, "before"), (-2, "here"), (-3, "there")]
    assert await pair.rows(pair.there, "SELECT FROM group_channel_links") == []
    assert ("after",) in await pair.rows(pair.here, "SELECT title FROM protected_groups")


async def test_nothing_is_left_when_it_is_removed(servers: EmbeddedServers, other_servers: EmbeddedServers) -> None:
    """Neither schema, trigger, publication, subscription nor slot; and what does not fit is refused before."""
    async with fresh_database(servers) as here, fresh_database(other_servers) as there:
        twins = Twins(Side("here", here, here), Side("there", there, there))
        with pytest.raises(TwinError, match="no twins"):
            await twins.compare()
        with pytest.raises(TwinError, match="one server"):
            await Twins(Side("here", here, here), Side("there", here, here)).set_up()
        await twins.set_up()
        with pytest.raises(TwinError, match="already"):
            await twins.set_up()
        await twins.sync()
        await twins.remove()
        await twins.remove()
        for url in (here, there):
            connection = await asyncpg.connect(url)
            found = await connection.fetchrow(
                "SELECT (SELECT count(*) FROM pg_publication WHERE pubname = 'gmbot_twin'),"
                " (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%twin%'),"
                " (SELECT count(*) FROM pg_subscription WHERE subname = 'gmbot_twin'),"
                " (SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'),"
                " to_regnamespace('gmbot_twin')"
            )
            await connection.close()
            assert tuple(found or ()) == (0, 0, 0, 0, None)


def gmbot(here: str, there: str, *arguments: str) -> Result:
    """Run a command."""
    environment = {
        "DATABASE_URL": here,
        "TWIN_DATABASE_URL": there,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ENCRYPTION_KEY": ENCRYPTION_KEY,
    }
    return CliRunner().invoke(build_cli(), ["twin", *arguments], env=environment)


async def test_the_commands_say_how_it_stands(pair: Pair) -> None:
    """Status 1 when both differ, with the table that does."""
    await pair.settled()
    well = await asyncio.to_thread(gmbot, pair.here, pair.there, "check")
    await pair.at(pair.here, 'ALTER TABLE bots DISABLE TRIGGER "A_gmbot_twin"', "UPDATE bots SET username = 'x'")
    badly = await asyncio.to_thread(gmbot, pair.here, pair.there, "check", "--json")
    alone = await asyncio.to_thread(gmbot, pair.here, "", "check")

    assert well.exit_code == 0, well.output
    assert "equal" in well.output
    assert badly.exit_code == 1
    assert '"bots differs' in badly.output
    assert "TWIN_DATABASE_URL must be set" in alone.output
