"""The control API: what the chat page is promised."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.simulator import DemoWorld, Simulator, demo_world
from tests.kits.simulator import BotClient, client_of


class Page:
    """The page's side of the control API."""

    def __init__(self, *, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def state(self, viewer: int | None = None) -> dict[str, Any]:
        """Read the state as one user."""
        suffix = "" if viewer is None else f"?viewer={viewer}"
        async with self.session.get(f"{self.url}/control/state{suffix}") as response:
            assert response.status == 200
            return dict(await response.json())

    async def act(self, action: str, user: int, **details: object) -> tuple[int, dict[str, Any]]:
        """Do something as one user."""
        return await self.post("act", {"action": action, "user": user, **details})

    async def post(self, path: str, body: object) -> tuple[int, dict[str, Any]]:
        """Post to an endpoint."""
        async with self.session.post(f"{self.url}/control/{path}", json=body) as response:
            return response.status, dict(await response.json())


@pytest.fixture
async def demo(sim: Simulator) -> DemoWorld:
    """Build the demonstration."""
    return demo_world(sim)


@pytest.fixture
async def page(sim: Simulator) -> AsyncIterator[Page]:
    """Talk to the control API."""
    async with aiohttp.ClientSession() as session:
        yield Page(session=session, url=sim.url)


@pytest.fixture
async def api(sim: Simulator, demo: DemoWorld) -> AsyncIterator[BotClient]:
    """Call the API as the bot."""
    async with client_of(sim, demo.bot) as client:
        yield client


def chat_of(state: dict[str, Any], key: int) -> dict[str, Any]:
    """Return one chat of a state."""
    return next(dict(chat) for chat in state["chats"] if chat["key"] == str(key))


async def test_a_stranger_cannot_read_a_private_channel(demo: DemoWorld, page: Page) -> None:
    """The public channel is open to all eyes, the private one only to members."""
    sam = await page.state(demo.sam.id)
    mia = await page.state(demo.mia.id)

    assert len(chat_of(sam, demo.news.id)["messages"]) == 1
    assert chat_of(sam, demo.insiders.id)["messages"] == []
    assert len(chat_of(mia, demo.insiders.id)["messages"]) == 1


async def test_a_muted_member_sees_why(demo: DemoWorld, page: Page, api: BotClient) -> None:
    """The composer is closed, with who closed it; only the receiver sees the ephemeral prompt."""
    await api("restrictChatMember", chat_id=demo.lounge.id, user_id=demo.sam.id, permissions={})
    keyboard = {"inline_keyboard": [[{"text": "GM News", "url": "https://t.me/gm_news"}]]}
    await api(
        "sendMessage",
        chat_id=demo.lounge.id,
        text="Join first",
        reply_markup=keyboard,
        ephemeral_message_parameters={"receiver_user_id": demo.sam.id},
    )
    sam = chat_of(await page.state(demo.sam.id), demo.lounge.id)
    mia = chat_of(await page.state(demo.mia.id), demo.lounge.id)
    status, refused = await page.act("say", demo.sam.id, chat=demo.lounge.id, text="hello")

    assert (sam["me"]["silence"], sam["me"]["muted_by"]["name"]) == ("muted", "GMBot")
    assert sam["messages"][-1]["buttons"][0][0]["chat"] == str(demo.news.id)
    assert mia["me"]["silence"] is None
    assert mia["messages"][-1]["text"] != "Join first"
    assert (status, refused) == (403, {"error": "Sam may not write in GM Lounge"})


async def test_press_and_answer_over_events(demo: DemoWorld, page: Page, api: BotClient) -> None:
    """The event stream carries the bot's call and its answer to the press."""
    keyboard = {"inline_keyboard": [[{"text": "I joined", "callback_data": "v"}]]}
    sent = await api("sendMessage", chat_id=demo.lounge.id, text="Join first", reply_markup=keyboard)
    events: list[tuple[str, dict[str, Any]]] = []
    async with page.session.get(f"{page.url}/control/events") as stream:
        await stream.content.readuntil(b"\n\n")
        number = sent.fields["message_id"]
        _, pressed = await page.act("press", demo.sam.id, chat=str(demo.lounge.id), message=number, data="v")
        query = pressed["result"]["query"]
        await api("answerCallbackQuery", callback_query_id=query, text="Not yet")
        async with asyncio.timeout(30):
            while not any(name == "answer" for name, _ in events):
                name, data = (await stream.content.readuntil(b"\n\n")).decode().split("\n")[:2]
                events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))

    answer = next(data for name, data in events if name == "answer")
    assert (answer["query"], answer["text"]) == (query, "Not yet")
    assert "answerCallbackQuery" in [data["method"] for name, data in events if name == "call"]


async def test_joining_by_link_and_starting_the_bot(sim: Simulator, demo: DemoWorld, page: Page) -> None:
    """A link from a chat's state lets in; /start opens the private chat under the bot's key."""
    link = chat_of(await page.state(demo.sam.id), demo.insiders.id)["link"]
    status, joined = await page.act("join", demo.sam.id, link=link)
    await page.act("start", demo.sam.id, bot=demo.bot.id)
    await page.act("say", demo.sam.id, chat=demo.bot.id, text="hello")
    state = await page.state(demo.sam.id)

    assert (status, joined["result"]) == (200, {"key": str(demo.insiders.id)})
    assert sim.member(demo.insiders, demo.sam).is_member
    assert [message["text"] for message in chat_of(state, demo.bot.id)["messages"]] == ["/start", "hello"]
    assert state["bots"][0]["private_chat_id"] == demo.sam.id


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "fly", "user": 1}, 400),
        ({"action": "join"}, 400),
        ({"action": "join", "user": 1, "chat": -1}, 404),
        ([], 400),
    ],
)
async def test_bad_requests_are_named(demo: DemoWorld, page: Page, body: object, status: int) -> None:
    """Every refusal is a sentence."""
    del demo
    got, answer = await page.post("act", body)

    assert got == status
    assert isinstance(answer["error"], str)


async def test_moderators_act(sim: Simulator, demo: DemoWorld, page: Page) -> None:
    """Muting, promoting and banning from the page are the people's verbs; who may not is told so."""
    details = {"chat": demo.lounge.id, "target": demo.sam.id}
    muted = await page.act("mute", demo.adam.id, **details)
    can_speak = sim.can_speak(demo.lounge, demo.sam)
    await page.act("unmute", demo.adam.id, **details)
    demoted = await page.act("demote", demo.olivia.id, chat=demo.news.id, target=demo.bot.id)
    refused = await page.act("ban", demo.mia.id, **details)

    assert (muted[0], can_speak) == (200, False)
    assert sim.can_speak(demo.lounge, demo.sam)
    assert demoted[0] == 200
    assert not sim.member(demo.news, demo.bot).is_member
    assert refused[0] == 403


async def test_faults_and_clock(sim: Simulator, demo: DemoWorld, page: Page, api: BotClient) -> None:
    """Operators set faults and move the clock."""
    del demo
    _, added = await page.post("faults", {"add": {"kind": "flood", "retry_after": 9, "times": None}})
    flooded = await api("getMe")
    _, left = await page.post("faults", {"remove": added["faults"][0]["id"]})
    before = sim.clock.now()
    status, _ = await page.post("clock", {"advance": 3600})
    bad, _ = await page.post("faults", {"add": {"kind": "meteor"}})

    assert flooded.status == 429
    assert left == {"faults": []}
    assert sim.clock.now() - before >= 3600
    assert (status, bad) == (200, 400)


async def test_reset_brings_the_world_back(demo: DemoWorld, page: Page, api: BotClient) -> None:
    """After a reset the world is as remembered, twice in a row, and the token still works."""
    for _ in range(2):
        await page.act("say", demo.mia.id, chat=demo.lounge.id, text="Something new")
        await page.act("leave", demo.mia.id, chat=demo.lounge.id)
        status, _ = await page.post("reset", {})
        lounge = chat_of(await page.state(demo.mia.id), demo.lounge.id)
        me = await api("getChatMember", chat_id=demo.lounge.id, user_id=demo.bot.id)

        assert status == 200
        assert lounge["messages"][-1]["text"] == "Hello everybody!"
        assert lounge["me"]["status"] == "member"
        assert me.fields["status"] == "administrator"


async def test_a_bot_is_made_and_outlives_a_reset(sim: Simulator, demo: DemoWorld, page: Page) -> None:
    """Its token is good at once and after a reset; a name that is taken or that @BotFather refuses makes none."""
    status, made = await page.act("add_bot", demo.olivia.id, name="Second", username="@second_bot")
    taken, _ = await page.act("add_bot", demo.olivia.id, name="Third", username="SECOND_bot")
    refused = [(await page.act("add_bot", demo.olivia.id, name="X", username=name))[0] for name in ("bot", "second")]
    answers = []
    for _ in range(2):
        async with client_of(sim, next(bot for bot in sim.bots if bot.token == made["result"]["token"])) as api:
            answers.append((await api("getMe")).fields["username"])
        await page.post("reset", {})

    assert (status, taken, refused) == (200, 403, [400, 400])
    assert answers == ["second_bot"] * 2


async def test_the_page_is_served(page: Page) -> None:
    """The index and its files come with a strict policy."""
    async with page.session.get(page.url) as index, page.session.get(f"{page.url}/page/main.js") as script:
        policies = [each.headers["Content-Security-Policy"] for each in (index, script)]

    assert policies == ["default-src 'self'"] * 2


async def test_every_action_is_the_peoples_verb(sim: Simulator, demo: DemoWorld, page: Page) -> None:
    """A tour through the actions: each does what its name says."""
    owner, sam, key = demo.olivia.id, demo.sam.id, demo.lounge.id
    _, dan = await page.act("add_user", owner, name="Dan", username="dan")
    _, channel = await page.act("add_channel", owner, title="More", username="gm_more")
    _, forum = await page.act("add_group", owner, title="Forum", forum=True)
    _, topic = await page.act("add_topic", owner, chat=forum["result"]["key"], name="Cats")
    _, said = await page.act("say", sam, chat=key, text="helo", photo=False)
    number = said["result"]["id"]
    steps = [
        ("edit", sam, {"chat": key, "message": number, "text": "hello"}),
        ("delete", demo.adam.id, {"chat": key, "message": number}),
        ("add", owner, {"chat": key, "target": dan["result"]["id"]}),
        ("remove", owner, {"chat": key, "target": dan["result"]["id"]}),
        ("ban", owner, {"chat": key, "target": dan["result"]["id"]}),
        ("unban", owner, {"chat": key, "target": dan["result"]["id"]}),
        ("mute", owner, {"chat": key, "target": sam, "permissions": {"can_send_messages": True}}),
        ("set_permissions", owner, {"chat": key, "permissions": {"can_send_polls": False}}),
        ("promote", owner, {"chat": key, "target": sam, "rights": ["can_delete_messages"], "anonymous": True}),
        ("demote", owner, {"chat": key, "target": sam}),
        ("link_discussion", owner, {"chat": channel["result"]["key"], "group": key}),
        ("say", owner, {"chat": channel["result"]["key"], "text": "A post"}),
        ("comment", dan["result"]["id"], {"chat": key, "text": "A comment"}),
        ("link_discussion", owner, {"chat": channel["result"]["key"]}),
        ("close_topic", owner, {"chat": forum["result"]["key"], "topic": topic["result"]}),
        ("open_topic", owner, {"chat": forum["result"]["key"], "topic": topic["result"]}),
        ("configure", owner, {"chat": key, "join_by_request": True}),
        ("request_join", dan["result"]["id"], {"chat": key}),
        ("approve", owner, {"chat": key, "target": dan["result"]["id"]}),
        ("leave", dan["result"]["id"], {"chat": key}),
        ("request_join", dan["result"]["id"], {"chat": key}),
        ("decline", owner, {"chat": key, "target": dan["result"]["id"]}),
        ("start", sam, {"bot": demo.bot.id, "payload": "x"}),
        ("block", sam, {"bot": demo.bot.id}),
        ("unblock", sam, {"bot": demo.bot.id}),
    ]
    failures = [
        (name, got) for name, user, details in steps if (got := await page.act(name, user, **details))[0] != 200
    ]

    assert failures == []
    assert chat_of(await page.state(sam), key)["messages"][-1]["service"] == "left"
    assert sim.member(demo.lounge, demo.sam).status == "member"


async def test_a_basic_group_migrates(demo: DemoWorld, sim: Simulator, page: Page) -> None:
    """The old group vanishes from the list, the new one is there."""
    group = sim.add_group("Old", owner=demo.olivia, kind="group")
    _, moved = await page.act("migrate", demo.olivia.id, chat=group.id)
    keys = [chat["key"] for chat in (await page.state())["chats"]]

    assert moved["result"]["key"] in keys
    assert str(group.id) not in keys


async def test_deliveries_are_listed(demo: DemoWorld, page: Page) -> None:
    """Without a webhook there are none."""
    del demo
    async with page.session.get(f"{page.url}/control/deliveries?after=0") as response:
        body = await response.json()

    assert body == {"deliveries": [], "last": 0}
