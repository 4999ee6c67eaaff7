"""Real clients against the simulator: python-telegram-bot, keyboards that ask for chats, limits, restarts, records."""

import json
from collections.abc import AsyncIterator

import pytest
import telegram
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter

from bot.simulator import Fault, FloodLimits, MovableClock, NotAllowed, Simulator, demo_world
from tests.contract.simulator.conftest import Small
from tests.kits.simulator import BotClient, client_of


@pytest.fixture
async def ptb(sim: Simulator, world: Small, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[telegram.Bot]:
    """Give python-telegram-bot's own client, with its newer durations."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    async with telegram.Bot(world.bot.token, base_url=f"{sim.url}/bot") as bot:
        yield bot


async def test_ptb_reads_members_and_chats(world: Small, ptb: telegram.Bot) -> None:
    """The library parses what it asks for."""
    member = await ptb.get_chat_member(world.lounge.id, world.ben.id)
    chat = await ptb.get_chat("@news")
    admins = await ptb.get_chat_administrators(world.lounge.id)

    assert member.status == "member"
    assert chat.title == "News"
    assert {admin.status for admin in admins} == {"creator", "administrator"}


async def test_ptb_restricts_and_prompts(sim: Simulator, world: Small, ptb: telegram.Bot) -> None:
    """Typed permissions and keyboards arrive as they should."""
    await ptb.restrict_chat_member(world.lounge.id, world.ben.id, telegram.ChatPermissions.no_permissions())
    keyboard = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("Go", callback_data="go")]])
    message = await ptb.send_message(world.lounge.id, "<b>Join</b>", parse_mode="HTML", reply_markup=keyboard)
    query = sim.press(world.ben, world.lounge, message.message_id, "go")
    await ptb.answer_callback_query(query.id, "Not yet")
    muted = not sim.can_speak(world.lounge, world.ben)
    await ptb.restrict_chat_member(world.lounge.id, world.ben.id, telegram.ChatPermissions.all_permissions())

    assert muted
    assert query.answer is not None
    assert sim.can_speak(world.lounge, world.ben)


async def test_ptb_names_the_errors(sim: Simulator, world: Small, ptb: telegram.Bot) -> None:
    """Every class of error reaches the library as its own exception."""
    sim.faults.add(Fault(kind="flood", method="getChat", chat=world.news.id, retry_after=4))
    with pytest.raises(RetryAfter):
        await ptb.get_chat("@news")
    with pytest.raises(Forbidden):
        await ptb.send_message(world.ben.id, "hi")
    with pytest.raises(BadRequest, match="Participant_id_invalid"):
        await ptb.get_chat_member(world.lounge.id, 1)
    group = sim.add_group("Old", owner=world.ann, kind="group")
    sim.add_member(group, world.bot)
    new = sim.migrate(group)
    with pytest.raises(ChatMigrated) as caught:
        await ptb.send_message(group.id, "hi")

    assert caught.value.new_chat_id == new.id


async def test_a_picked_chat_is_shared(sim: Simulator, world: Small, api: BotClient) -> None:
    """A key that asks for a channel tells the bot which one; what was not asked for is refused."""
    sim.private(world.ann, world.bot, "/start")
    request = {"request_id": 7, "chat_is_channel": True, "request_title": True}
    keyboard = {"keyboard": [[{"text": "Pick", "request_chat": request}]]}
    sent = await api("sendMessage", chat_id=world.ann.id, text="Which channel?", reply_markup=keyboard)
    edited = await api("editMessageText", chat_id=world.ann.id, message_id=sent.fields["message_id"], text="x")
    with pytest.raises(NotAllowed):
        sim.share_chat(world.ann, world.bot, 7, world.lounge)
    sim.share_chat(world.ann, world.bot, 7, world.news)

    shared = sim.updates(world.bot)[-1]["message"]
    assert isinstance(shared, dict)
    assert shared["chat_shared"] == {"request_id": 7, "chat_id": world.news.id, "title": "News"}
    assert edited.error == "Bad Request: message can't be edited"


async def test_sending_limits() -> None:
    """Twenty messages a minute to a group, on request; reads are not counted."""
    clock = MovableClock()
    sim = Simulator(clock=clock, flood_limits=FloodLimits())
    demo = demo_world(sim)
    async with sim.serving(), client_of(sim, demo.bot) as api:
        statuses = [(await api("sendMessage", chat_id=demo.lounge.id, text=str(n))).status for n in range(21)]
        read = await api("getChat", chat_id=demo.lounge.id)
        clock.advance(60)
        later = await api("sendMessage", chat_id=demo.lounge.id, text="later")

    assert statuses == [200] * 20 + [429]
    assert (read.status, later.status) == (200, 200)


async def test_a_simulator_serves_again() -> None:
    """Telegram can be away for a while: the same world comes back on the same port."""
    sim = Simulator()
    demo = demo_world(sim)
    async with sim.serving():
        url = sim.url
    async with sim.serving(port=int(url.rpartition(":")[2])), client_of(sim, demo.bot) as api:
        answer = await api("getMe")

    assert sim.url == url
    assert answer.fields["username"] == "gm_demo_bot"


async def test_records_can_be_bounded() -> None:
    """A long-running simulator keeps the newest calls, under their numbers."""
    sim = Simulator(keeps=5)
    demo = demo_world(sim)
    async with sim.serving(), client_of(sim, demo.bot) as api:
        for _ in range(30):
            await api("getMe")
        async with api.session.get(f"{sim.url}/control/calls?after=27") as response:
            page = json.loads(await response.text())

    assert len(sim.calls) <= 10
    assert [call["number"] for call in page["calls"]] == [28, 29, 30]
    assert page["last"] == 30
