"""What strangers are told while there is no ledger, how often, and that it goes again."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from bot.domain.errors import TelegramRefusedError, TelegramUnavailableError
from bot.domain.ids import MessageId, TopicId, UserId
from bot.domain.intent import OpenCase
from bot.domain.membership import Require
from bot.domain.message import Outgoing
from bot.domain.policy import Enforcement, Policy, Prompts
from bot.domain.restriction import Wanted
from bot.services.outages.reminding import Reminding
from tests.fakes.reminders import FakeReminders, SharedReminders
from tests.kits.world import BOT, GROUP, LOUNGE, STRANGER, World

WROTE = OpenCase(BOT, GROUP, STRANGER, "Sam", "de", Enforcement.MUTE, Wanted.MUTE, (MessageId(7),), topic_id=TopicId(3))
QUIET = replace(LOUNGE, policy=Policy(prompts=Prompts.MEMBER))


class Outage:
    """An outage that a test ends."""

    away = True


class Scene:
    """Instances that share a Redis, and no PostgreSQL."""

    def __init__(self, world: World) -> None:
        self.world, self.telegram = world, world.telegram
        self.shared, self.outage = SharedReminders(world.clock), Outage()

    def instance(self) -> Reminding:
        return Reminding(
            store=FakeReminders(self.shared),
            telegram=self.telegram,
            ephemeral=self.telegram,
            texts=self.world.texts,
            outage=self.outage,
            clock=self.world.clock,
            journal=self.world.journal,
        )

    async def run(self, instance: Reminding) -> None:
        """Let an instance look a few times."""
        work = asyncio.get_running_loop().create_task(instance.run())
        for _ in range(20):
            await asyncio.sleep(0)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


@pytest.fixture
def scene(world: World) -> Scene:
    """Return a world in which PostgreSQL is away."""
    return Scene(world)


def silent() -> TelegramUnavailableError:
    """Return what comes instead of an answer."""
    return TelegramUnavailableError(method="deleteMessage", description="away")


async def test_a_group_hears_it_once_a_minute_in_the_place_of_the_last(scene: Scene) -> None:
    """Over all instances, in the topic that was written in, without a sound."""
    here, there = scene.instance(), scene.instance()
    for instance in (here, there, here):
        await instance.say(WROTE, LOUNGE)
    (first,) = scene.telegram.standing_by_number()
    scene.world.clock.advance(60)
    await there.say(replace(WROTE, topic_id=None), LOUNGE)
    (second,) = scene.telegram.standing_by_number()

    assert (first[1].topic_id, first[1].silent, second[1].topic_id) == (3, True, None)
    assert first[0] != second[0]
    assert scene.world.journal.effects == [("remind_without_ledger", "done")] * 2
    assert scene.telegram.called("mute") == []


@pytest.mark.parametrize(("require", "said"), [(Require.ALL, "please join <b>"), (Require.ANY, "please join one of")])
async def test_it_names_every_channel_and_links_it(scene: Scene, require: Require, said: str) -> None:
    """From memory, with the button that checks whoever presses it."""
    await scene.instance().say(WROTE, replace(LOUNGE, policy=Policy(require=require)))
    (message,) = scene.telegram.standing()

    assert said in message.text
    assert "<b>News, Insiders</b>" in message.text
    assert [row[0].url for row in message.buttons] == ["https://t.me/gm_news", "https://t.me/+abc", None]
    assert message.buttons[-1][0].data == "v"


async def test_where_prompts_are_for_the_member_so_is_this(scene: Scene) -> None:
    """In their language; and it goes again as the others do."""
    instance = scene.instance()
    await instance.say(WROTE, QUIET)
    ((user, message),) = scene.telegram.whispered.values()
    scene.world.clock.advance(60)
    await instance.say(replace(WROTE, user_id=UserId(8)), QUIET)
    scene.outage.away = False
    await scene.run(instance)

    assert user == STRANGER
    assert message.text.startswith("Um hier zu schreiben")
    assert scene.telegram.standing() == []
    assert scene.telegram.forgotten == {1, 2}


async def test_where_telegram_does_not_show_it_to_one_all_hear_it(scene: Scene) -> None:
    """A group that asks for it is not left without a word."""
    scene.telegram.whispers = False
    await scene.instance().say(WROTE, QUIET)

    assert len(scene.telegram.standing()) == 1


async def test_without_redis_nothing_is_said(scene: Scene) -> None:
    """Nobody could tell who has said it a moment ago."""
    scene.shared.away = True
    await scene.instance().say(WROTE, LOUNGE)

    assert scene.telegram.standing() == []


@pytest.mark.parametrize("error", [silent(), TelegramRefusedError(method="sendMessage", description="no")])
async def test_what_cannot_be_said_is_said_a_minute_later(
    scene: Scene, error: TelegramUnavailableError | TelegramRefusedError
) -> None:
    """It is a courtesy: whoever wrote is not told, and nothing fails."""
    instance = scene.instance()
    scene.telegram.fail("send", error)
    for _ in range(2):
        await instance.say(replace(WROTE, topic_id=None), LOUNGE)
    unsaid: list[Outgoing] = scene.telegram.standing()
    scene.world.clock.advance(60)
    await instance.say(WROTE, LOUNGE)

    assert unsaid == []
    assert len(scene.telegram.standing()) == 1


async def test_it_goes_when_postgresql_is_back(scene: Scene) -> None:
    """Not before; and what Telegram did not answer about is tried again."""
    instance = scene.instance()
    await instance.say(WROTE, LOUNGE)
    await scene.run(instance)
    during = len(scene.telegram.standing())
    scene.outage.away = False
    scene.telegram.fail("delete_messages", silent(), silent())
    await scene.run(instance)
    calls = len(scene.telegram.called("delete_messages"))
    await scene.run(instance)

    assert during == 1
    assert scene.telegram.standing() == []
    assert calls == 3
    assert len(scene.telegram.called("delete_messages")) == calls


async def test_another_takes_back_what_a_crash_has_left(scene: Scene) -> None:
    """When its minute is over; what somebody has deleted is let go of."""
    await scene.instance().say(WROTE, LOUNGE)
    scene.outage.away = False
    scene.telegram.fail("delete_messages", TelegramRefusedError(method="deleteMessage", description="not found"))
    another = scene.instance()
    await scene.run(another)
    before = len(scene.telegram.called("delete_messages"))
    scene.world.clock.advance(60)
    await scene.run(another)

    assert before == 0
    assert len(scene.telegram.called("delete_messages")) == 1
    assert scene.shared.standing == set()
