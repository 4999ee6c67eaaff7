"""The directory: what the gate looks at."""

from bot.domain.ids import GroupId
from tests.unit.world import BOT, GROUP, NEWS, World

SUPERGROUP = GroupId(-100_1001)


async def test_a_moved_group_is_known_by_its_new_id_only(world: World) -> None:
    """A group that became a supergroup is not counted, gated or told twice."""
    await world.groups.move(BOT, GROUP, SUPERGROUP)
    await world.directory.refresh()

    assert world.directory.group(BOT, GROUP) is None
    assert world.directory.count() == 1
    assert [group.group_id for group in world.directory.guarded_by(BOT, NEWS)] == [SUPERGROUP]
