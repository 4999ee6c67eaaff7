"""Sightings: written in batches, bounded, and kept through an outage."""

import asyncio
from contextlib import suppress

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, GroupId, UserId
from bot.services.membership.activity import Activity
from tests.fakes.ports import for_a_while
from tests.kits.world import BOT, GROUP, MEMBER, World


async def test_sightings_are_written_in_batches(world: World) -> None:
    """A thousand messages of a member are one row."""
    for _ in range(1000):
        world.activity.sighted(BOT, GROUP, MEMBER)
    await for_a_while(world.activity.run())

    assert world.store.seen == {(BOT, GROUP, MEMBER)}


async def test_who_keeps_talking_is_written_every_five_minutes(world: World) -> None:
    """In between it would change nothing; what was not written yet is not taken for it."""
    written: list[str] = []

    async def note(place: str) -> None:
        written.append(place)

    world.store.hook = note
    for _ in range(300):
        world.activity.seen(BOT, GROUP, MEMBER)
        await world.activity.flush()
        world.clock.advance(2)

    assert written == ["seen", "seen"]


async def test_who_is_forgotten_is_not_written_afterwards(world: World) -> None:
    """Nor anybody else left out; and when they write again, they are seen again."""
    other = UserId(77)
    for user in (MEMBER, other):
        world.activity.seen(BOT, GROUP, user)
    await world.activity.forget(BOT, MEMBER)
    await world.activity.flush()
    written = set(world.store.seen)
    world.activity.seen(BOT, GROUP, MEMBER)
    await world.activity.flush()
    await world.activity.forget(BOT, MEMBER)
    world.store.seen.clear()
    world.activity.seen(BOT, GROUP, MEMBER)
    await world.activity.flush()

    assert written == {(BOT, GROUP, other)}
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
    await for_a_while(world.activity.run())

    assert world.store.unasked == {(BOT, GROUP): 3}


async def test_many_groups_are_counted_in_turn(world: World) -> None:
    """However many there are, a message costs the same; what is left is written before the instance stops."""
    for group in range(1_200):
        world.activity.sighted(BOT, GroupId(-group), MEMBER)
    await world.activity.flush()
    written = len(world.store.unasked)
    await world.activity.finish()

    assert written == 500
    assert world.store.unasked == {(BOT, GroupId(-group)): 1 for group in range(1_200)}


async def test_no_bot_waits_for_the_groups_of_another(world: World) -> None:
    """Each has its part of what is written at once."""
    for group in range(1_200):
        world.activity.sighted(BOT, GroupId(-group), MEMBER)
    another = BotId(43)
    world.activity.sighted(another, GROUP, MEMBER)
    await world.activity.flush()

    assert world.store.unasked[another, GROUP] == 1
    assert len(world.store.unasked) == 251


async def test_an_outage_does_not_hold_up_the_end(world: World) -> None:
    """What cannot be written is lost."""

    async def away(_: str) -> None:
        raise StoreUnavailableError("away")

    world.store.hook = away
    world.activity.sighted(BOT, GROUP, MEMBER)
    await world.activity.finish()

    assert not world.store.unasked


async def test_sightings_survive_an_outage(world: World) -> None:
    """They are written when PostgreSQL is back."""
    failures = iter([True, False])

    async def away_once(_: str) -> None:
        if next(failures, False):
            raise StoreUnavailableError("away")

    world.store.hook = away_once
    world.activity.sighted(BOT, GROUP, MEMBER)
    await for_a_while(world.activity.run())

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
