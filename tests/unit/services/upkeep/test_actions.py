"""Due deletions: together where they can be, singly where they must be, later where Telegram says so."""

import asyncio
from contextlib import suppress

from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import BotId, GroupId, MessageId
from bot.domain.intent import Deletion
from bot.services.upkeep.actions import Actions
from tests.fakes.ports import FakeClock, FakeTelegram
from tests.fakes.tables import FakeActions
from tests.kits.world import BOT, GROUP

REFUSED = TelegramRefusedError(method="deleteMessages", description="Bad Request: message can't be deleted")


def due(number: int, *, chat: GroupId = GROUP, bot: BotId = BOT) -> Deletion:
    """Return an action that deletes the message of the same number."""
    return Deletion(number, bot, chat, MessageId(number))


async def work(store: FakeActions, telegram: FakeTelegram, clock: FakeClock | None = None) -> None:
    """Let the actions run for a few turns of the loop."""
    task = asyncio.get_running_loop().create_task(
        Actions(store=store, telegram=telegram, ephemeral=telegram, clock=clock or FakeClock()).run()
    )
    for _ in range(400):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_due_deletion_is_done_and_struck_off() -> None:
    """An outage of the store in between changes nothing."""
    store, telegram = FakeActions(due(8)), FakeTelegram()
    store.outages = 1

    await work(store, telegram)

    assert telegram.deleted == {8}
    assert store.finished == [8]


async def test_deletions_of_one_chat_are_one_call() -> None:
    """A hundred at most; another chat and another bot have a call of their own."""
    mine = [due(number) for number in range(1, 131)]
    others = [due(201, chat=GroupId(-1002)), due(202, bot=BotId(43))]
    store, telegram = FakeActions(*mine, *others), FakeTelegram()

    await work(store, telegram)

    sizes = sorted(len(messages) for _, messages in telegram.called("delete_messages"))  # type: ignore[arg-type]  # a tuple of ids
    assert sizes == [1, 1, 30, 100]
    assert sorted(store.finished) == [*range(1, 131), 201, 202]


async def test_one_message_that_cannot_be_deleted_does_not_keep_the_others() -> None:
    """Telegram refuses the whole call for it: each is tried alone, and the refused one is over."""
    store, telegram = FakeActions(due(1), due(2), due(3)), FakeTelegram()
    telegram.fail("delete_messages", REFUSED, REFUSED)

    await work(store, telegram)

    assert telegram.called("delete_messages") == [(GROUP, (1, 2, 3)), (GROUP, (1,)), (GROUP, (2,)), (GROUP, (3,))]
    assert store.finished == [1, 2, 3]
    assert store.failures == []


async def test_a_deletion_without_an_answer_is_tried_again() -> None:
    """Later, with a pause; other chats go on."""
    store, telegram = FakeActions(due(1), due(2, chat=GroupId(-1002))), FakeTelegram()
    telegram.fail("delete_messages", TelegramUnavailableError(method="deleteMessage", description="away"))

    await work(store, telegram)

    assert store.failures == [(1, "deleteMessage: away")]
    assert store.finished == [2]


async def test_a_flood_costs_no_attempt() -> None:
    """What Telegram asks to wait for waits that long, and no flood kills an action."""
    store, telegram = FakeActions(due(1), due(2)), FakeTelegram()
    flood = TelegramUnavailableError(method="deleteMessages", description="Too Many Requests", retry_after=17)
    telegram.fail("delete_messages", flood)

    await work(store, telegram)

    assert store.delays == [(1, 17), (2, 17)]
    assert (store.failures, store.finished) == ([], [])


async def test_what_the_lease_is_too_old_for_is_put_back() -> None:
    """When Telegram is slow, nothing is started that another instance may have taken over by then."""
    store, telegram, clock = FakeActions(*(due(number) for number in range(1, 6))), FakeTelegram(), FakeClock()
    telegram.fail("delete_messages", REFUSED)

    async def take_long(_: str) -> None:
        clock.advance(1.0)

    telegram.hook = take_long

    await work(store, telegram, clock)

    assert store.delays == [(4, 0), (5, 0)]
    assert store.finished == [1, 2, 3]
