"""Messages of every kind of sender, ephemeral messages, topics, comments, polling."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from bot.simulator import NotAllowed, NotFound, Simulator, User
from bot.simulator.model import Chat
from tests.contract.simulator.conftest import Small
from tests.kits.platform import eventually
from tests.kits.simulator import BotClient, Json

BUTTON = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}


def last_message(sim: Simulator, world: Small) -> dict[str, Any]:
    """Return the newest message update of the bot."""
    update = [update for update in sim.updates(world.bot) if "message" in update][-1]
    message = update["message"]
    assert isinstance(message, dict)
    return message


async def test_anonymous_administrators_write_as_the_group(sim: Simulator, world: Small) -> None:
    """There is no user behind them for the bot."""
    sim.be_anonymous(world.lounge, world.ann)
    sim.say(world.ann, world.lounge, "hello")

    message = last_message(sim, world)
    assert message["from"]["id"] == 1087968824
    assert message["sender_chat"]["id"] == world.lounge.id


async def test_people_write_as_their_channel(sim: Simulator, world: Small, api: BotClient) -> None:
    """A banned channel cannot be written as."""
    sim.say(world.ann, world.lounge, "hello", as_channel=world.news)
    message = last_message(sim, world)
    await api("banChatSenderChat", chat_id=world.lounge.id, sender_chat_id=world.news.id)

    assert (message["from"]["id"], message["sender_chat"]["id"]) == (136817688, world.news.id)
    with pytest.raises(NotAllowed):
        sim.say(world.ann, world.lounge, "hello", as_channel=world.news)


async def test_posts_are_forwarded_and_commented(sim: Simulator, world: Small) -> None:
    """A linked channel's post appears in the group, and a stranger comments without joining."""
    sim.link(world.news, world.lounge)
    sim.post(world.news, "News!")
    forward = last_message(sim, world)
    sim.comment(world.cat, world.lounge, "Nice")
    comment = last_message(sim, world)

    assert forward["from"]["id"] == 777000
    assert forward["is_automatic_forward"] is True
    assert comment["from"]["id"] == world.cat.id
    assert comment["reply_to_message"]["message_id"] == forward["message_id"]
    assert not sim.member(world.lounge, world.cat).is_member


async def test_topics(sim: Simulator, world: Small, api: BotClient) -> None:
    """Topics exist by id; a closed one takes no messages from ordinary members."""
    forum = sim.add_group("Forum", owner=world.ann, forum=True)
    sim.add_member(forum, world.bot)
    sim.join(world.ben, forum)
    topic = sim.add_topic(forum, "Cats")
    unknown = await api("sendMessage", chat_id=forum.id, message_thread_id=1, text="hi")
    sent = await api("sendMessage", chat_id=forum.id, message_thread_id=topic.id, text="hi")
    sim.close_topic(forum, topic)
    closed = await api("sendMessage", chat_id=forum.id, message_thread_id=topic.id, text="hi")

    assert unknown.error == "Bad Request: message thread not found"
    assert (sent.fields["message_thread_id"], sent.fields["is_topic_message"]) == (topic.id, True)
    assert closed.error == "Bad Request: TOPIC_CLOSED"
    with pytest.raises(NotAllowed):
        sim.say(world.ben, forum, "hi", topic=topic)


async def test_ephemeral_messages_are_for_one(sim: Simulator, world: Small, api: BotClient) -> None:
    """Only the receiver sees, presses and loses it."""
    sim.join(world.cat, world.lounge)
    to_ben = {"receiver_user_id": world.ben.id}
    sent = await api(
        "sendMessage", chat_id=world.lounge.id, text="Psst", reply_markup=BUTTON, ephemeral_message_parameters=to_ben
    )
    number = sent.fields["ephemeral_message_id"]
    where = {"chat_id": world.lounge.id, "receiver_user_id": world.ben.id, "ephemeral_message_id": number}
    seen = [[m.text for m in sim.messages(world.lounge, who) if m.receiver] for who in (world.ben, world.cat)]
    query = sim.press(world.ben, world.lounge, 0, "go", ephemeral=number)
    with pytest.raises(NotFound):
        sim.press(world.cat, world.lounge, 0, "go", ephemeral=number)
    plain = await api("deleteMessage", chat_id=world.lounge.id, message_id=number)
    edited = await api("editEphemeralMessageText", text="Psst!", **where)
    deleted = await api("deleteEphemeralMessage", **where)

    assert sent.fields["message_id"] == 0
    assert seen == [["Psst"], []]
    assert query.message.ephemeral_id == number
    assert plain.status in {200, 400}
    assert (edited.result, deleted.result) == (True, True)
    assert not [m for m in sim.messages(world.lounge, world.ben) if m.receiver]


async def test_a_press_below_a_deleted_message(sim: Simulator, world: Small, api: BotClient) -> None:
    """The message of such a press is inaccessible, with date 0."""
    sent = await api("sendMessage", chat_id=world.lounge.id, text="Press", reply_markup=BUTTON)
    message = sim.messages(world.lounge)[-1]
    await api("deleteMessage", chat_id=world.lounge.id, message_id=sent.fields["message_id"])
    sim.press(world.ben, world.lounge, message, "go")

    query = sim.updates(world.bot)[-1]["callback_query"]
    assert isinstance(query, dict)
    assert query["message"]["date"] == 0


async def test_privacy_mode(sim: Simulator, world: Small) -> None:
    """A bot that is no administrator gets commands and replies, not the talk."""
    quiet = sim.add_group("Quiet", owner=world.ann)
    sim.add_member(quiet, world.bot)
    sim.join(world.ben, quiet)
    texts = ("talk", "/status", "/status@gate_bot", "/status@other_bot", "hey @gate_bot")
    for text in texts:
        sim.say(world.ben, quiet, text)

    got = [update["message"] for update in sim.updates(world.bot) if "message" in update]
    heard = [m.get("text") for m in got if isinstance(m, dict) and m["chat"]["id"] == quiet.id and "text" in m]
    assert heard == ["/status", "/status@gate_bot", "hey @gate_bot"]


async def test_private_chats_open_with_the_users_word(sim: Simulator, world: Small, api: BotClient) -> None:
    """After /start the bot may write; after a block it may not."""
    sim.private(world.cat, world.bot, "/start hello")
    first = await api("sendMessage", chat_id=world.cat.id, text="Welcome")
    sim.block(world.cat, world.bot)
    second = await api("sendMessage", chat_id=world.cat.id, text="Welcome")

    assert first.status == 200
    assert second.error == "Forbidden: bot was blocked by the user"


async def test_polling(sim: Simulator, world: Small, api: BotClient) -> None:
    """A poll waits for an update, the next offset confirms it, and a second poller ends the first."""
    started = await api("getUpdates")
    count = len(started.result) if isinstance(started.result, list) else 0
    next_id = started.result[-1]["update_id"] + 1 if isinstance(started.result, list) else 0
    async with asyncio.TaskGroup() as tasks:
        poll = tasks.create_task(api("getUpdates", offset=next_id, timeout=20))
        await eventually(lambda: polls(sim) == 1, "the poll waits")
        sim.say(world.ben, world.lounge, "hello")
    got = poll.result().result
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(api("getUpdates", offset=next_id + 1, timeout=20))
        await eventually(lambda: polls(sim) == 1, "the poll waits")
        second = tasks.create_task(api("getUpdates", offset=next_id + 1, timeout=0))

    assert count > 0
    assert isinstance(got, list)
    assert [update["update_id"] for update in got] == [next_id]
    assert first.result().status == 409
    assert second.result().result == []


def polls(sim: Simulator) -> int:
    """Count the polls that are under way."""
    return sum(call.is_running for call in sim.calls_of("getUpdates"))


async def test_albums_edits_and_photos(sim: Simulator, world: Small) -> None:
    """An album is several messages with one id; an edit is an update of its own."""
    for _ in range(2):
        sim.say(world.ben, world.lounge, "look", photo=True, media_group_id="77")
    message = sim.say(world.ben, world.lounge, "before")
    sim.edit(world.ben, world.lounge, message, "after https://spam.example")

    kinds = [next(k for k in update if k != "update_id") for update in sim.updates(world.bot)][-4:]
    assert kinds == ["message", "message", "message", "edited_message"]


def people_in(chat: Chat) -> list[User]:
    """Return everybody with a standing in the chat."""
    return [member.user for member in chat.members.values()]


async def test_administrators_are_listed(world: Small, api: BotClient) -> None:
    """Other bots are left out unless wanted."""
    answer = await api("getChatAdministrators", chat_id=world.lounge.id)
    count = await api("getChatMemberCount", chat_id=world.lounge.id)

    assert isinstance(answer.result, list)
    assert [each["status"] for each in answer.result] == ["creator", "administrator"]
    assert count.result == len(people_in(world.lounge))


async def test_a_picture_is_uploaded_and_replaced(sim: Simulator, world: Small, api: BotClient) -> None:
    """Byte for byte, whatever bytes they are; what is no picture is refused."""
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3 + b"\r\n\x85\r--\n"

    async def upload(method: str, fields: dict[str, str], files: dict[str, bytes]) -> Json:
        form = aiohttp.FormData(fields)
        for name, data in files.items():
            form.add_field(name, data, filename="a.png", content_type="image/png")
        async with api.session.post(f"{api.url}/bot{api.bot.token}/{method}", data=form) as response:
            return Json(await response.json())

    sent = await upload("sendPhoto", {"chat_id": str(world.lounge.id), "caption": "Look"}, {"photo": content})
    message = sim.messages(world.lounge)[-1]
    assert message.picture == content
    assert sent["result"]["caption"] == "Look"

    where = {"chat_id": str(world.lounge.id), "message_id": str(message.id)}
    media = json.dumps({"type": "photo", "media": "attach://one", "caption": "<b>New</b>", "parse_mode": "HTML"})
    edited = await upload("editMessageMedia", {**where, "media": media}, {"one": content + b"2"})
    assert edited["result"]["caption"] == "New"
    assert message.picture == content + b"2"

    broken = await upload("sendPhoto", {"chat_id": str(world.lounge.id)}, {"photo": b"no picture"})
    assert broken["description"] == "Bad Request: IMAGE_PROCESS_FAILED"
    missing = await upload("editMessageMedia", {**where, "media": media}, {})
    assert missing["description"] == 'Bad Request: file "one" is missing in the request'
