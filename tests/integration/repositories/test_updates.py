"""The inbox on a real PostgreSQL: one instance at a time, nothing done twice, nothing lost with an instance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.repositories.instances import Heartbeat
from bot.core.repositories.updates import UpdateStore
from bot.domain.errors import ClaimLostError, StoreUnavailableError
from bot.domain.heartbeat import DEAD_AFTER
from bot.domain.ids import BotId, InstanceId, UpdateId
from bot.domain.intent import Receipt
from tests.faults.proxy import proxied

pytestmark = pytest.mark.servers

BOT, UPDATE = BotId(1), UpdateId(77)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open the test's database as an instance does."""
    async with open_database(database_url, pool_size=4, statements=load_statements()) as database:
        yield database


@asynccontextmanager
async def instance(database: Database) -> AsyncIterator[UpdateStore]:
    """Run the inbox of an instance that has just said that it lives."""
    heartbeat = Heartbeat(database=database, version="test")
    await heartbeat.beat()
    yield UpdateStore(database=database, instance=heartbeat.instance_id)
    await heartbeat.leave()


@pytest.fixture
async def here(database: Database) -> AsyncIterator[UpdateStore]:
    """Return one instance's inbox."""
    async with instance(database) as inbox:
        yield inbox


@pytest.fixture
async def there(database: Database) -> AsyncIterator[UpdateStore]:
    """Return another's."""
    async with instance(database) as inbox:
        yield inbox


async def claimed(inbox: UpdateStore) -> Receipt:
    """Claim the update, which must be free."""
    claim = await inbox.claim(BOT, UPDATE)
    assert isinstance(claim, Receipt)
    return claim


@dataclass(frozen=True, slots=True)
class Tables:
    """Looks into the tables, and lets time pass for their rows."""

    connection: "asyncpg.Connection[asyncpg.Record]"

    async def quiet(self, seconds: float) -> None:
        """Have no instance say anything for so long."""
        await self.connection.execute(
            "UPDATE instances SET beat_at = beat_at - $1::interval", timedelta(seconds=seconds)
        )

    async def age(self, **by: float) -> None:
        """Make every claim older."""
        await self.connection.execute("UPDATE updates_done SET claimed_at = claimed_at - $1::interval", timedelta(**by))

    async def dead(self) -> list[asyncpg.Record]:
        """Return the dead letters."""
        return await self.connection.fetch("SELECT body, error FROM dead_letters")


@pytest.fixture
async def tables(database_url: str) -> AsyncIterator[Tables]:
    """Look behind the inbox."""
    connection = await asyncpg.connect(database_url)
    yield Tables(connection)
    await connection.close()


async def test_an_update_is_claimed_once(here: UpdateStore, there: UpdateStore) -> None:
    """While an instance that lives is at it, every copy waits: this instance's own and the other's."""
    receipt = await claimed(here)

    assert receipt.attempt == 1
    assert await here.claim(BOT, UPDATE) is False
    assert await there.claim(BOT, UPDATE) is False


async def test_of_many_claims_at_once_one_wins(here: UpdateStore, there: UpdateStore) -> None:
    """No two callers ever hold the same update."""
    claims = await asyncio.gather(*(inbox.claim(BOT, UPDATE) for inbox in (here, there) * 20))

    assert sum(isinstance(claim, Receipt) for claim in claims) == 1
    assert claims.count(False) == 39


async def test_what_is_done_stays_done(here: UpdateStore, there: UpdateStore) -> None:
    """A copy that comes after the end is told so, everywhere; another bot's update of that number is another one."""
    await here.settle(await claimed(here), ())

    assert await here.claim(BOT, UPDATE) is True
    assert await there.claim(BOT, UPDATE) is True
    assert isinstance(await there.claim(BotId(2), UPDATE), Receipt)


async def test_a_dead_letter_is_done(here: UpdateStore, tables: Tables) -> None:
    """What was given up is kept with its reason and not tried again; any text can be a reason."""
    await here.bury(await claimed(here), b'{"update_id": 77, "x": "\xff\x00"}', "KeyError: \x00 \ud800 😀")
    (row,) = await tables.dead()

    assert row["body"] == b'{"update_id": 77, "x": "\xff\x00"}'
    assert row["error"].startswith("KeyError:")
    assert row["error"].endswith("😀")
    assert await here.claim(BOT, UPDATE) is True


async def test_a_released_update_is_free_at_once_and_counts_its_tries(here: UpdateStore, there: UpdateStore) -> None:
    """A failure counts, wherever it happened; what was nobody's fault does not."""
    await here.release(await claimed(here), blameless=False)
    second = await claimed(there)
    await there.release(second, blameless=True)
    third = await claimed(here)

    assert (second.attempt, third.attempt) == (2, 2)


async def test_the_claim_of_an_instance_that_left_is_free_at_once(here: UpdateStore, database: Database) -> None:
    """Stopping an instance holds up no chat."""
    async with instance(database) as gone:
        await claimed(gone)
    taken = await claimed(here)

    assert taken.attempt == 2


async def test_the_claim_of_a_silent_instance_is_taken_over(
    here: UpdateStore, there: UpdateStore, tables: Tables
) -> None:
    """Two seconds without a heartbeat, and the others go on with what it held."""
    lost = await claimed(here)
    await tables.quiet(0.5)
    held = await there.claim(BOT, UPDATE)
    await tables.quiet(1.5)
    await tables.age(seconds=2)
    taken = await claimed(there)

    assert held is False
    assert taken.attempt == 2
    with pytest.raises(ClaimLostError):
        await here.settle(lost, ())
    await there.settle(taken, ())


async def test_a_claim_is_a_sign_of_life(here: UpdateStore, there: UpdateStore, tables: Tables) -> None:
    """After an outage of PostgreSQL no heart has beaten for long: who claims first is not taken for dead."""
    await tables.quiet(60)
    await claimed(here)
    # However slow the machine is, this is a moment later.
    await tables.age(seconds=-60)
    held = await there.claim(BOT, UPDATE)
    await tables.age(seconds=62)

    assert held is False
    assert (await claimed(there)).attempt == 2


async def test_the_claim_of_an_instance_nobody_ever_heard_of_is_free(here: UpdateStore, database: Database) -> None:
    """A claim cannot outlive the rows that would vouch for it."""
    await claimed(UpdateStore(database=database, instance=InstanceId(uuid4())))

    assert (await claimed(here)).attempt == 2


async def test_a_claim_that_lasts_longer_than_any_handler_is_void(
    here: UpdateStore, there: UpdateStore, tables: Tables
) -> None:
    """An instance that lives but has lost track of an update keeps it for half a minute, no longer."""
    await claimed(here)
    await tables.age(seconds=31)

    assert (await claimed(there)).attempt == 2


async def test_whoever_lost_the_claim_changes_nothing(here: UpdateStore, there: UpdateStore, tables: Tables) -> None:
    """Release and burial by an instance that was thought dead touch neither the new claim nor the dead letters."""
    lost = await claimed(here)
    await tables.age(seconds=31)
    taken = await claimed(there)
    await here.release(lost, blameless=False)
    await here.bury(lost, b"{}", "too late")

    assert await tables.dead() == []
    assert await here.claim(BOT, UPDATE) is False
    await there.settle(taken, ())


async def test_claims_are_forgotten_when_telegram_cannot_ask_again(
    here: UpdateStore, database: Database, tables: Tables
) -> None:
    """An update that Telegram gave up before it could be settled leaves no row behind."""
    await here.release(await claimed(here), blameless=False)
    await tables.age(hours=25, minutes=30)
    await here.forget()

    assert await database.row("update_state", BOT, UPDATE) is None


async def test_marks_are_forgotten_when_telegram_cannot_ask_again(here: UpdateStore, tables: Tables) -> None:
    """Telegram gives an update up after a day; until an hour later its mark stands."""
    await here.settle(await claimed(here), ())
    await tables.age(hours=24, minutes=30)
    await here.forget()
    kept = await here.claim(BOT, UPDATE)
    await tables.age(hours=1)
    await here.forget()

    assert kept is True
    assert isinstance(await here.claim(BOT, UPDATE), Receipt)


async def test_claims_of_an_outage_are_given_back_by_many_at_once(database_url: str) -> None:
    """What could not be released is let go of with the next claims, and none of them stumbles over another."""
    async with (
        proxied(database_url) as proxy,
        open_database(proxy.url(database_url), pool_size=4, statements=load_statements()) as database,
        instance(database) as inbox,
    ):
        await proxy.refuse()
        for number in range(3):
            with pytest.raises(StoreUnavailableError):
                await inbox.claim(BOT, UpdateId(number))
        await proxy.heal()
        claims = await asyncio.gather(*(inbox.claim(BOT, UpdateId(100 + number)) for number in range(8)))

        assert all(isinstance(claim, Receipt) for claim in claims)


async def test_only_a_claim_does_not_wait_for_the_disk(database_url: str) -> None:
    """What an update obliges to is on the disk before Telegram hears 200; the claim before it need not be."""
    statements = {**load_statements(), "waits": "SELECT current_setting('synchronous_commit') AS waits"}
    async with open_database(database_url, pool_size=1, statements=statements) as database:
        async with database.transaction() as session:
            await session.row("claim_update", BOT, UPDATE, uuid4(), DEAD_AFTER)
            claiming = await session.row("waits")
        settling = await database.row("waits")

    assert claiming is not None
    assert settling is not None
    assert (claiming["waits"], settling["waits"]) == ("off", "on")
