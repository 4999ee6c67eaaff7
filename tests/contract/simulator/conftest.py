"""A bot in a small world: a channel, a supergroup in which it is an administrator, three people."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot.simulator import Bot, Chat, Simulator, User
from tests.kits.simulator import BotClient, WebhookSink, client_of, sim, sim_clock, webhook_sink

__all__ = ["sim", "sim_clock"]

ALL_KINDS = ["message", "edited_message", "channel_post", "callback_query", "my_chat_member", "chat_member"]


@dataclass(slots=True)
class Small:
    """The world of these tests."""

    bot: Bot
    ann: User
    ben: User
    cat: User
    news: Chat
    lounge: Chat


@pytest.fixture
async def world(sim: Simulator) -> Small:
    """Build it: Ann owns everything, Ben is a member of the group, Cat is nowhere."""
    bot = sim.add_bot(username="gate_bot", first_name="Gate")
    ann, ben, cat = (sim.add_user(name) for name in ("Ann", "Ben", "Cat"))
    news = sim.add_channel("News", owner=ann, username="news")
    lounge = sim.add_group("Lounge", owner=ann)
    sim.promote(news, bot, can_invite_users=True)
    sim.add_member(lounge, bot)
    sim.promote(lounge, bot, can_restrict_members=True, can_delete_messages=True, can_invite_users=True)
    sim.join(ben, lounge)
    return Small(bot, ann, ben, cat, news, lounge)


@pytest.fixture
async def api(sim: Simulator, world: Small) -> AsyncIterator[BotClient]:
    """Call the API as the bot."""
    async with client_of(sim, world.bot) as client:
        yield client


@pytest.fixture
async def hook(api: BotClient) -> AsyncIterator[WebhookSink]:
    """Receive the bot's updates, without those from building the world."""
    async with webhook_sink() as sink:
        await api("setWebhook", url=sink.url, allowed_updates=ALL_KINDS, secret_token="s3", drop_pending_updates=True)
        yield sink
