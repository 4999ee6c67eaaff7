"""The webhook keeper: every bot's webhook is right, set by one instance, and only where it differs."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.errors import NotReadyError, TelegramUnavailableError
from bot.domain.hosting import HostedBot
from bot.domain.ids import BotId
from bot.domain.secret import Secret
from bot.services.hosting.webhooks import ALLOWED_UPDATES, WebhookKeeper
from tests.fakes.ports import FakeClock, FakeSpawner, FakeTelegram
from tests.fakes.tables import FakeLeader, FakeNotes
from tests.kits.platform import eventually
from tests.kits.strategies import START

BOT = BotId(42)
HOSTED = HostedBot(
    bot_id=BOT,
    username="gate_bot",
    token=Secret("42:AAA"),
    secrets=(Secret("s3cret"),),
    enabled=True,
    refused_at=None,
    seq=1,
)


class Desk:
    """A keeper and what it works with."""

    def __init__(self, telegram: FakeTelegram | None = None, notes: FakeNotes | None = None) -> None:
        self.telegram, self.notes, self.spawner = telegram or FakeTelegram(), notes or FakeNotes(), FakeSpawner()
        self.keeper = WebhookKeeper(
            telegram=self.telegram,
            notes=self.notes,
            leader=FakeLeader(),
            clock=FakeClock(),
            starter=self.spawner,
            base_url="https://gate.example/",
            secret=None,
        )

    async def keeps(self, *bots: HostedBot) -> None:
        """Have the bots' webhooks kept, and wait until that is done."""
        for bot in bots or (HOSTED,):
            self.keeper.take_on(bot)
        await self.spawner.finished()

    def secrets_set(self) -> list[object]:
        """Return the secrets Telegram was told."""
        return [call[2] for call in self.telegram.called("set_webhook")]


async def test_a_webhook_is_set_once() -> None:
    """The first instance sets it without asking; the second one finds it right and leaves it alone."""
    first = Desk()
    await first.keeps()
    asked = first.telegram.called("webhook")
    second = Desk(first.telegram, first.notes)
    await second.keeps()

    assert (len(asked), len(second.telegram.called("webhook"))) == (0, 1)
    assert first.telegram.called("set_webhook") == [
        (BOT, "https://gate.example/telegram/42", "s3cret", ALLOWED_UPDATES, 100)
    ]
    assert second.keeper.pending == frozenset()


@pytest.mark.parametrize(
    "theirs",
    [
        {"url": "https://elsewhere.example/telegram/42", "allowed_updates": list(ALLOWED_UPDATES)},
        {"url": "https://gate.example/telegram/42", "allowed_updates": ["message"]},
        {"url": "https://gate.example/telegram/42"},
    ],
)
async def test_a_webhook_that_differs_is_set_again(theirs: dict[str, object]) -> None:
    """Another address, or kinds of updates that leave joins out."""
    first = Desk()
    await first.keeps()
    first.telegram.hooks_set[BOT] = theirs
    await Desk(first.telegram, first.notes).keeps()

    assert len(first.telegram.called("set_webhook")) == 2


async def test_a_new_secret_is_told_to_telegram() -> None:
    """While it runs; a fingerprint is kept, not the secret itself. Then the former secret is out of use."""
    desk = Desk()
    await desk.keeps()
    await desk.keeps(replace(HOSTED, secrets=(Secret("another"), Secret("s3cret")), seq=2))

    assert desk.secrets_set() == ["s3cret", "another"]
    assert "another" not in desk.notes.notes[BOT]
    assert desk.notes.dropped == [BOT]


async def test_what_has_nothing_to_do_with_the_webhook_sets_nothing() -> None:
    """A bot is taken on again with every change of its row."""
    desk = Desk()
    await desk.keeps()
    await desk.keeps(replace(HOSTED, username="other_name", seq=2))

    assert (len(desk.telegram.called("set_webhook")), desk.telegram.called("webhook")) == (1, [])


async def test_a_bot_that_telegram_refuses_is_left_alone() -> None:
    """Until it is accepted again: then its webhook is looked at."""
    desk = Desk()
    await desk.keeps(replace(HOSTED, refused_at=START))

    assert desk.keeper.pending == frozenset()
    assert desk.secrets_set() == []
    await desk.keeps()
    assert desk.secrets_set() == ["s3cret"]


async def test_a_bot_let_go_is_waited_for_no_more() -> None:
    """Its webhook stays as it is: Telegram keeps the updates for a while."""
    desk = Desk()
    desk.keeper.take_on(HOSTED)
    desk.keeper.let_go(BOT)
    await desk.spawner.finished()

    await desk.keeper.check()
    assert desk.secrets_set() == []


async def test_the_kinds_of_updates_include_those_of_members() -> None:
    """`chat_member` is not among Telegram's defaults: without it no join would ever be heard of."""
    assert {"chat_member", "my_chat_member", "callback_query", "message", "edited_message"} <= set(ALLOWED_UPDATES)


async def test_a_webhook_that_cannot_be_set_is_tried_again() -> None:
    """An instance starts without Telegram and is pending until it is back."""
    desk = Desk()
    desk.telegram.fail("set_webhook", TelegramUnavailableError(method="setWebhook", description="away"))
    desk.keeper.take_on(HOSTED)

    with pytest.raises(NotReadyError, match="1 webhooks"):
        await desk.keeper.check()
    await desk.spawner.finished()
    assert desk.keeper.pending == frozenset()
    assert len(desk.telegram.called("set_webhook")) == 2


async def watched(desk: Desk, until: Callable[[], bool]) -> None:
    """Have the webhooks looked at until something holds."""
    looking = asyncio.get_running_loop().create_task(desk.keeper.watch())
    try:
        await eventually(until, "what the look brings")
    finally:
        looking.cancel()
    await desk.spawner.finished()


async def test_a_webhook_that_somebody_else_changed_is_set_again() -> None:
    """One instance looks each minute."""
    desk = Desk()
    await desk.keeps()
    desk.telegram.hooks_set[BOT] = {"url": "https://elsewhere.example/"}
    await watched(desk, lambda: len(desk.secrets_set()) == 2)

    assert desk.telegram.hooks_set[BOT]["url"] == "https://gate.example/telegram/42"


async def test_a_bot_that_goes_while_its_webhook_is_looked_at_is_left_alone() -> None:
    """And the look goes on to the others."""
    desk, others = Desk(), replace(HOSTED, bot_id=BotId(43))
    await desk.keeps(HOSTED, others)
    desk.telegram.hooks_set[BOT] = {"url": "https://elsewhere.example/"}
    desk.telegram.hooks_set[BotId(43)]["pending_update_count"] = 7

    async def go(name: str) -> None:
        if name == "webhook":
            desk.keeper.let_go(BOT)

    desk.telegram.hook = go
    await watched(desk, lambda: desk.keeper.waiting == 7)

    assert len(desk.secrets_set()) == 2


async def test_what_telegram_says_of_its_deliveries_is_told() -> None:
    """How many updates wait there, and when it last failed."""
    desk = Desk()
    await desk.keeps()
    said = {"pending_update_count": 7, "last_error_date": 1_790_000_000}
    desk.telegram.hooks_set[BOT] = {**desk.telegram.hooks_set[BOT], **said}
    await watched(desk, lambda: desk.keeper.waiting == 7)

    assert desk.keeper.failed_at == 1_790_000_000.0
    assert len(desk.secrets_set()) == 1
