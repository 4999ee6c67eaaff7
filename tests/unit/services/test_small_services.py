"""Services that follow, sweep and note: the directory, sightings, due actions, webhooks, housekeeping."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace

import pytest

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, GroupId, InstanceId, MessageId, UserId
from bot.services.groups.directory import Directory
from bot.services.membership.activity import Activity
from bot.services.upkeep.housekeeping import Housekeeping
from bot.services.upkeep.tidying import Tidying
from tests.fake_tables import FakeGroups
from tests.fakes import FakeBroom, FakeClock
from tests.unit.world import BOT, GROUP, INSIDERS, LOUNGE, MEMBER, NEWS, World


async def _for_a_while(work: Coroutine[object, object, None], turns: int = 40) -> None:
    """Let endless work run for a few turns of the loop."""
    task = asyncio.get_running_loop().create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# The directory


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
    await asyncio.sleep(0.02)
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
    await asyncio.sleep(0.6)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work

    group = world.directory.group(BOT, GROUP)
    assert group is not None
    assert group.title == "Renamed"


async def test_without_postgres_the_last_configuration_stands(world: World) -> None:
    """The gate goes on with what it knows, and so does the following."""

    async def away(_: str) -> None:
        raise StoreUnavailableError("away")

    world.store.hook = away
    world.directory.poke()
    await _for_a_while(world.directory.run())

    assert world.directory.group(BOT, GROUP) == LOUNGE
    with pytest.raises(StoreUnavailableError):
        await Directory(store=FakeGroups(world.store)).refresh()


# Sightings


async def test_sightings_are_written_in_batches(world: World) -> None:
    """A thousand messages of a member are one row."""
    for _ in range(1000):
        world.activity.sighted(BOT, GROUP, MEMBER)
    await _for_a_while(world.activity.run())

    assert world.store.seen == {(BOT, GROUP, MEMBER)}


async def test_messages_that_needed_no_question_are_counted(world: World) -> None:
    """Those of members whom the gate knew; none is lost in an outage, and who had to be asked about does not count."""
    failures = iter([True, False])

    async def away_once(place: str) -> None:
        if place == "unasked" and next(failures, False):
            raise StoreUnavailableError("away")

    world.store.hook = away_once
    for _ in range(3):
        world.activity.sighted(BOT, GROUP, MEMBER)
    world.activity.seen(BOT, GROUP, MEMBER)
    await _for_a_while(world.activity.run())

    assert world.store.unasked == {(BOT, GROUP): 3}


async def test_sightings_survive_an_outage(world: World) -> None:
    """They are written when PostgreSQL is back."""
    failures = iter([True, False])

    async def away_once(_: str) -> None:
        if next(failures, False):
            raise StoreUnavailableError("away")

    world.store.hook = away_once
    world.activity.sighted(BOT, GROUP, MEMBER)
    await _for_a_while(world.activity.run())

    assert world.store.seen == {(BOT, GROUP, MEMBER)}


async def test_sightings_are_bounded(world: World) -> None:
    """An outage of hours does not fill the memory."""
    activity = Activity(store=world.groups, clock=world.clock)
    for user in range(60_000):
        activity.sighted(BOT, GROUP, UserId(user))
    await activity.flush()
    await activity.flush()

    assert len(world.store.seen) == 50_000


async def test_sightings_outlive_whoever_stopped_waiting_for_them(world: World) -> None:
    """A slow PostgreSQL makes an update give up; who wrote as a member did so all the same."""
    activity, stuck = Activity(store=world.groups, clock=world.clock), asyncio.Event()
    activity.sighted(BOT, GROUP, MEMBER)

    async def hang(_: str) -> None:
        stuck.set()
        await asyncio.Event().wait()

    world.store.hook, free = hang, world.store.hook
    flushing = asyncio.get_running_loop().create_task(activity.flush())
    await stuck.wait()
    flushing.cancel()
    with suppress(asyncio.CancelledError):
        await flushing
    world.store.hook = free
    await activity.flush()

    assert (BOT, GROUP, MEMBER) in world.store.seen


# Housekeeping


class _Heart:
    """Counts beats; the first one fails."""

    def __init__(self) -> None:
        self.beats = 0

    @property
    def instance_id(self) -> InstanceId:
        raise NotImplementedError

    async def beat(self) -> None:
        self.beats += 1
        if self.beats == 1:
            raise StoreUnavailableError("away")

    async def leave(self) -> None:
        raise NotImplementedError


async def test_the_heart_beats_twice_a_second_whatever_happens() -> None:
    """An outage does not stop it."""
    heart, clock = _Heart(), FakeClock()

    await _for_a_while(Housekeeping(instances=heart, chores=(), clock=clock).beat())

    assert heart.beats > 2
    assert set(clock.slept) == {0.5}


async def test_one_chore_that_fails_does_not_stop_the_others() -> None:
    """It is done at the next sweep."""
    done: list[str] = []

    async def failing() -> None:
        done.append("failing")
        raise StoreUnavailableError("away")

    async def working() -> None:
        done.append("working")

    clock = FakeClock()
    await _for_a_while(Housekeeping(instances=_Heart(), chores=(failing, working), clock=clock).sweep())

    assert done[:4] == ["failing", "working", "failing", "working"]
    assert set(clock.slept) == {600.0}


async def test_a_reply_that_cannot_be_scheduled_stays(world: World) -> None:
    """The command is answered all the same while PostgreSQL is away."""

    async def away(_: str) -> None:
        raise StoreUnavailableError("away")

    broom = FakeBroom(away)
    tidying = Tidying(broom=broom, directory=world.directory)
    await tidying.after_a_while(BOT, GROUP, (MessageId(7),))
    await tidying.used(BOT, GROUP, MessageId(7))

    assert broom.later == {}
