"""The directory: what the gate looks at, and how it follows the configuration."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, GroupId
from bot.services.groups.directory import Directory
from tests.fakes.ports import for_a_while
from tests.fakes.tables import FakeGroups
from tests.kits.platform import eventually
from tests.kits.world import BOT, GROUP, INSIDERS, LOUNGE, NEWS, World

SUPERGROUP = GroupId(-100_1001)


async def test_the_directory_knows_who_requires_a_channel(world: World) -> None:
    """Protected groups only, and only while they require it."""
    other = replace(LOUNGE, group_id=GroupId(-1002), channels=LOUNGE.channels[:1])
    await world.configure(other)
    assert [group.group_id for group in world.directory.guarded_by(BOT, NEWS)] == [-1002, -1001]

    await world.configure(replace(other, protected=False))
    await world.configure(replace(LOUNGE, channels=LOUNGE.channels[1:]))

    assert world.directory.guarded_by(BOT, NEWS) == []
    assert [group.group_id for group in world.directory.guarded_by(BOT, INSIDERS)] == [GROUP]
    assert world.directory.count() == 1


async def test_bots_do_not_see_each_other_s_groups(world: World) -> None:
    """Everything is scoped by bot."""
    assert world.directory.group(BotId(43), GROUP) is None
    assert world.directory.guarded_by(BotId(43), NEWS) == []


async def test_the_directory_reads_only_what_changed(world: World) -> None:
    """A poll of ten thousand groups costs one counter."""
    asked: list[str] = []

    async def note(name: str) -> None:
        asked.append(name)

    world.store.hook = note
    before = world.directory.group(BOT, GROUP)
    await world.directory.refresh()

    assert asked == ["changed_since"]
    assert world.directory.group(BOT, GROUP) is before


async def test_a_poked_directory_reads_at_once(world: World) -> None:
    """A published change need not wait for the next poll."""
    work = asyncio.get_running_loop().create_task(world.directory.run())
    await asyncio.sleep(0)
    world.groups.put(replace(LOUNGE, title="Renamed"))
    world.directory.poke()
    # So many turns, in which half a second does not pass.
    for _ in range(200):
        await asyncio.sleep(0)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.title == "Renamed"


async def test_a_lost_message_heals_by_the_next_poll(world: World) -> None:
    """Without a poke the change is read within half a second."""
    work = asyncio.get_running_loop().create_task(world.directory.run())
    world.groups.put(replace(LOUNGE, title="Renamed"))

    def read() -> bool:
        group = world.directory.group(BOT, GROUP)
        return group is not None and group.title == "Renamed"

    await eventually(read, "the change is read")
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def test_without_postgres_the_last_configuration_stands(world: World) -> None:
    """The gate goes on with what it knows, and so does the following."""

    async def away(_: str) -> None:
        raise StoreUnavailableError("away")

    world.store.hook = away
    world.directory.poke()
    await for_a_while(world.directory.run())

    assert world.directory.group(BOT, GROUP) == LOUNGE
    with pytest.raises(StoreUnavailableError):
        await Directory(store=FakeGroups(world.store)).refresh()


async def test_a_moved_group_is_known_by_its_new_id_only(world: World) -> None:
    """A group that became a supergroup is not counted, gated or told twice."""
    await world.groups.move(BOT, GROUP, SUPERGROUP)
    await world.directory.refresh()

    assert world.directory.group(BOT, GROUP) is None
    assert world.directory.count() == 1
    assert [group.group_id for group in world.directory.guarded_by(BOT, NEWS)] == [SUPERGROUP]


async def test_nothing_is_known_of_a_bot_that_was_removed(world: World) -> None:
    """Should it come back, its groups are not gated by what an instance remembers; another bot's are left alone."""
    other = replace(LOUNGE, bot_id=BotId(43))
    await world.configure(other)
    world.directory.forget(BOT)

    assert world.directory.group(BOT, GROUP) is None
    assert world.directory.guarded_by(BOT, NEWS) == []
    assert not world.directory.follows(BOT, NEWS)
    assert world.directory.set_up_by(BOT, LOUNGE.configured_by) == []
    assert world.directory.chats() == [(43, LOUNGE.channel_ids[1]), (43, LOUNGE.channel_ids[0]), (43, GROUP)]
    assert world.directory.group(BotId(43), GROUP) == other
