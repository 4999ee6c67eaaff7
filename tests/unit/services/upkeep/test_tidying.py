"""Commands and their answers leave a group after a while."""

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import MessageId
from bot.services.upkeep.tidying import Tidying
from tests.fakes.ports import FakeBroom
from tests.kits.world import BOT, GROUP, World


async def test_a_reply_that_cannot_be_scheduled_stays(world: World) -> None:
    """The command is answered all the same while PostgreSQL is away."""

    async def away(_: str) -> None:
        raise StoreUnavailableError("away")

    broom = FakeBroom(away)
    tidying = Tidying(broom=broom, directory=world.directory)
    await tidying.after_a_while(BOT, GROUP, (MessageId(7),))
    await tidying.used(BOT, GROUP, MessageId(7))

    assert broom.later == {}
