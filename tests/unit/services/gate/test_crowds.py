"""The shared prompt: sent, counted, replaced and deleted, and what Telegram's answers change about that."""

import pytest

from bot.domain.errors import ChatMovedError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import UserId
from bot.domain.message import Outgoing
from tests.kits.world import BOT, GROUP, INSIDERS, NEWS, World

PEOPLE = tuple(UserId(number) for number in range(10, 18))


@pytest.fixture
async def crowded(world: World) -> World:
    """Have eight strangers speak at once, and let the shared prompt gather."""
    for person in PEOPLE:
        await world.speak(person)
    await world.work()
    await show(world)
    return world


async def show(world: World, seconds: float = 40) -> None:
    """Let the shared prompt be due, and brought up to date."""
    world.clock.advance(seconds)
    await world.crowds.turn()


def shared(world: World) -> list[Outgoing]:
    """Return the shared prompts that stand, as they read now."""
    messages = [world.telegram.edited.get(number, message) for number, message in world.telegram.standing_by_number()]
    return [message for message in messages if "user?id=" not in message.text]


async def test_it_counts_who_has_none_of_their_own(crowded: World) -> None:
    """Five were told each; the other three wait together, for all channels."""
    (prompt,) = shared(crowded)

    assert len(crowded.telegram.standing()) == 6
    assert ": 3." in prompt.text
    assert [button.url is not None for row in prompt.buttons for button in row] == [True, True, False]
    assert prompt.silent


async def test_the_count_follows_and_the_last_one_takes_it_along(crowded: World) -> None:
    """An edit for each change that lasts, then a deletion."""
    await crowded.join(PEOPLE[-1], NEWS, INSIDERS)
    await crowded.work()
    await show(crowded)
    assert [": 2." in prompt.text for prompt in shared(crowded)] == [True]

    for person in PEOPLE[5:]:
        await crowded.join(person, NEWS, INSIDERS)
    await crowded.work()
    await show(crowded)
    assert shared(crowded) == []


async def test_an_old_one_gives_way_to_another(crowded: World) -> None:
    """While Telegram still deletes it."""
    await show(crowded, 47 * 3600)

    assert len(shared(crowded)) == 1
    assert len(crowded.telegram.called("send")) == 7


async def test_one_that_an_admin_deletes_is_sent_anew(crowded: World) -> None:
    """When the count changes next; the members who share it have no other."""
    crowded.telegram.fail(
        "edit", TelegramRefusedError(method="editMessageText", description="Message to edit not found")
    )
    await crowded.join(PEOPLE[-1], NEWS, INSIDERS)
    await crowded.work()
    await show(crowded)

    assert [": 2." in prompt.text for prompt in shared(crowded)][-1:] == [True]
    assert len(crowded.telegram.called("send")) == 7


async def test_a_refused_edit_changes_nothing(crowded: World) -> None:
    """What cannot be edited still stands."""
    crowded.telegram.fail("edit", TelegramRefusedError(method="editMessageText", description="Message is not modified"))
    await crowded.join(PEOPLE[-1], NEWS, INSIDERS)
    await crowded.work()
    await show(crowded)

    assert len(crowded.telegram.called("send")) == 6


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (TelegramUnavailableError(method="sendMessage", description="too many", retry_after=20.0), 21),
        (TelegramUnavailableError(method="sendMessage", description="away"), 2),
        (TelegramRefusedError(method="sendMessage", description="not enough rights"), 301),
        (ChatMovedError(method="sendMessage", new_id=-1009), 301),
    ],
)
async def test_what_fails_is_tried_again(world: World, error: Exception, seconds: float) -> None:
    """When Telegram says, or after a pause."""
    for person in PEOPLE:
        await world.speak(person)
    await world.work()
    world.telegram.fail("send", error)  # type: ignore[arg-type]  # all of them are Telegram's
    await show(world)
    assert shared(world) == []

    await show(world, seconds)
    assert len(shared(world)) == 1


async def test_where_nothing_is_gated_nobody_waits(crowded: World) -> None:
    """`/unprotect` takes the shared prompt along; that it cannot be deleted is no reason to try for ever."""
    crowded.telegram.fail("delete_messages", *(7 * [TelegramRefusedError(method="deleteMessage", description="no")]))
    await crowded.setup.unprotect(BOT, GROUP, UserId(1))
    await crowded.work()
    await show(crowded)
    await show(crowded)

    assert len(crowded.telegram.called("delete_messages")) == 8 + 6
