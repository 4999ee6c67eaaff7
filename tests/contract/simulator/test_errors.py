"""Refusals in Telegram's words, and the HTTP side of the method endpoint."""

import json

import aiohttp
import pytest

from bot.simulator import Fault, Simulator
from tests.contract.simulator.conftest import Small
from tests.kits.simulator import BotClient


async def test_unknown_tokens_and_methods(sim: Simulator, api: BotClient) -> None:
    """The endpoint distinguishes malformed tokens, unknown tokens and unknown methods."""
    sim.faults.clear()
    answers = []
    for path in ("/bot123/getMe", "/bot1:SIMwrongwrongwrongwrongwrongwrongwrong/getMe"):
        async with api.session.get(api.url + path) as response:
            answers.append((response.status, (await response.json())["description"]))

    assert answers == [(401, "Unauthorized: invalid token specified"), (401, "Unauthorized")]


@pytest.mark.parametrize("method", ["getMe", "getme", "GETME"])
async def test_methods_are_found_in_any_case(api: BotClient, method: str) -> None:
    """The case of a method does not matter, nor does GET or POST."""
    async with api.session.get(f"{api.url}/bot{api.bot.token}/{method}") as response:
        body = await response.json()

    assert body["result"]["id"] == api.bot.id


async def test_all_body_forms_are_read(api: BotClient, world: Small) -> None:
    """JSON, urlencoded and multipart bodies say the same."""
    url = f"{api.url}/bot{api.bot.token}/getChat"
    statuses = []
    form = aiohttp.FormData({"chat_id": str(world.lounge.id)}, default_to_multipart=True)
    for arguments in (
        {"json": {"chat_id": world.lounge.id}},
        {"data": {"chat_id": str(world.lounge.id)}},
        {"data": form},
    ):
        async with api.session.post(url, **arguments) as response:
            statuses.append((response.status, (await response.json())["result"]["id"]))

    assert statuses == [(200, world.lounge.id)] * 3


async def test_chats_and_users_the_bot_never_met(sim: Simulator, world: Small, api: BotClient) -> None:
    """The bot knows only what it has met."""
    far = sim.add_group("Far", owner=world.ann)
    errors = [
        (await api("getChat", chat_id=far.id)).error,
        (await api("getChat", chat_id="@nowhere")).error,
        (await api("getChatMember", chat_id=world.news.id, user_id=world.cat.id)).error,
        (await api("getChatMember", chat_id=world.news.id, user_id=0)).error,
        (await api("sendMessage", chat_id=world.cat.id, text="hi")).error,
        (await api("sendMessage", chat_id=world.ben.id, text="hi")).error,
    ]

    assert errors == [
        "Bad Request: chat not found",
        "Bad Request: chat not found",
        "Bad Request: PARTICIPANT_ID_INVALID",
        "Bad Request: invalid user_id specified",
        "Bad Request: chat not found",
        "Forbidden: bot can't initiate conversation with a user",
    ]


async def test_who_left_is_known_to_have_left(world: Small, api: BotClient) -> None:
    """A known user who is no member reads as left."""
    answer = await api("getChatMember", chat_id=world.news.id, user_id=world.ben.id)

    assert answer.result == {
        "user": {"id": world.ben.id, "is_bot": False, "first_name": "Ben", "language_code": "en"},
        "status": "left",
    }


async def test_a_bot_without_rights(sim: Simulator, world: Small, api: BotClient) -> None:
    """What a demoted, a removed and a banned bot is told."""
    sim.demote(world.news, world.bot)
    sim.demote(world.lounge, world.bot)
    mute = {"chat_id": world.lounge.id, "user_id": world.ben.id, "permissions": {}}
    message = sim.say(world.ben, world.lounge, "hello")
    demoted = [
        (await api("getChatMember", chat_id="@news", user_id=world.ben.id)).error,
        (await api("restrictChatMember", **mute)).error,
        (await api("deleteMessage", chat_id=world.lounge.id, message_id=message.id)).error,
    ]
    sim.remove(world.lounge, world.bot)
    removed = (await api("restrictChatMember", **mute)).error
    sim.ban(world.lounge, world.bot)
    banned = (await api("getChat", chat_id=world.lounge.id)).error

    assert demoted == [
        "Bad Request: member list is inaccessible",
        "Bad Request: not enough rights to restrict/unrestrict chat member",
        "Bad Request: message can't be deleted",
    ]
    assert removed == "Forbidden: bot is not a member of the supergroup chat"
    assert banned == "Forbidden: bot was kicked from the supergroup chat"


async def test_administrators_and_owners_cannot_be_restricted(sim: Simulator, world: Small, api: BotClient) -> None:
    """Each kind of target that cannot be restricted has its own words."""
    sim.promote(world.lounge, world.ben)
    errors = [
        (await api("restrictChatMember", chat_id=world.lounge.id, user_id=user.id, permissions={})).error
        for user in (world.ann, world.ben, world.bot)
    ]

    assert errors == [
        "Bad Request: can't remove chat owner",
        "Bad Request: user is an administrator of the chat",
        "Bad Request: can't restrict self",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "message text is empty"),
        ("<b>x", "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
        ("<x>y</x>", 'can\'t parse entities: Unsupported start tag "x" at byte offset 0'),
        ("<b>x</i>", 'can\'t parse entities: Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("a" * 4097, "message is too long"),
    ],
)
async def test_bad_texts(world: Small, api: BotClient, text: str, error: str) -> None:
    """Bad HTML is refused in Telegram's words."""
    answer = await api("sendMessage", chat_id=world.lounge.id, text=text, parse_mode="HTML")

    assert answer.error == f"Bad Request: {error}"


async def test_html_becomes_entities(world: Small, api: BotClient) -> None:
    """Offsets count UTF-16 code units; references are read."""
    answer = await api(
        "sendMessage",
        chat_id=world.lounge.id,
        text='😀 <b>a &lt; <a href="https://t.me/news">b</a></b>',
        parse_mode="HTML",
    )

    assert answer.fields["text"] == "😀 a < b"
    assert answer.fields["entities"] == [
        {"type": "bold", "offset": 3, "length": 5},
        {"type": "text_link", "offset": 7, "length": 1, "url": "https://t.me/news"},
    ]


async def test_editing(world: Small, api: BotClient) -> None:
    """An unchanged edit is an error of its own."""
    sent = await api("sendMessage", chat_id=world.lounge.id, text="one")
    where = {"chat_id": world.lounge.id, "message_id": sent.fields["message_id"]}
    changed = await api("editMessageText", text="two", **where)
    same = await api("editMessageText", text="two", **where)
    gone = await api("editMessageText", chat_id=world.lounge.id, message_id=999, text="two")

    assert changed.fields["text"] == "two"
    assert "message is not modified: specified new message content" in str(same.error)
    assert gone.error == "Bad Request: message to edit not found"


async def test_deleting(sim: Simulator, world: Small, api: BotClient) -> None:
    """Unknown ids are skipped in a bulk, an error alone."""
    messages = [sim.say(world.ben, world.lounge, text) for text in "abc"]
    await api("deleteMessages", chat_id=world.lounge.id, message_ids=[messages[0].id, 9999, messages[1].id])
    missing = await api("deleteMessage", chat_id=world.lounge.id, message_id=messages[0].id)

    assert missing.error == "Bad Request: message to delete not found"
    assert [message.text for message in sim.messages(world.lounge) if message.text] == ["c"]


async def test_a_late_answer_to_a_press(sim: Simulator, world: Small, api: BotClient) -> None:
    """A press is answered once."""
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go", "style": "success"}]]}
    sent = await api("sendMessage", chat_id=world.lounge.id, text="Press", reply_markup=keyboard)
    query = sim.press(world.ben, world.lounge, sent.fields["message_id"], "go")
    first = await api("answerCallbackQuery", callback_query_id=query.id)
    second = await api("answerCallbackQuery", callback_query_id=query.id)

    assert first.result is True
    assert second.error == ("Bad Request: query is too old and response timeout expired or query ID is invalid")


async def test_flood_and_other_faults(sim: Simulator, api: BotClient) -> None:
    """Faults match a method and count down; a flood says how long in body and header."""
    sim.faults.add(Fault(kind="flood", method="getMe", retry_after=7))
    sim.faults.add(Fault(kind="error", method="getMe", code=502, description="Bad Gateway"))
    flooded, broken, fine = [await api("getMe") for _ in range(3)]

    assert (flooded.status, flooded.headers["Retry-After"]) == (429, "7")
    assert flooded.body["parameters"] == {"retry_after": 7}
    assert (broken.status, broken.error) == (502, "Bad Gateway")
    assert fine.status == 200


@pytest.mark.parametrize(("kind", "is_done"), [("drop", False), ("lose_answer", True)])
async def test_lost_connections(sim: Simulator, world: Small, api: BotClient, *, kind: str, is_done: bool) -> None:
    """A dropped call does nothing, a lost answer does it all; the caller sees the same."""
    sim.faults.add(Fault(kind=kind, method="restrictChatMember"))  # type: ignore[arg-type]  # one of the two literals
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions={})

    assert sim.can_speak(world.lounge, world.ben) is not is_done


async def test_webhook_settings(api: BotClient) -> None:
    """Setting says what it did, too quick is a flood, and a refused URL leaves no webhook."""
    described = []
    for url in ("http://127.0.0.1:9/", "http://127.0.0.1:9/", "nonsense"):
        api_answer = await api("setWebhook", url=url)
        described.append(api_answer.body["description"])
    polled = await api("getUpdates")

    assert described[0] == "Webhook was set"
    assert described[1] == "Too Many Requests: retry after 1"
    assert "can't use getUpdates method while webhook is active" in str(polled.error)
    assert json.dumps(described)
