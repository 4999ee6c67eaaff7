"""The rest of the methods: links, bans, promotions, the profile, pictures. The kit checks every shape besides."""

import pytest

from bot.simulator import NotAllowed, Simulator, User
from bot.simulator.permissions import COMMON_RIGHTS
from tests.contract.simulator.conftest import Small
from tests.kits.simulator import BotClient, WebhookSink

COMMANDS = [{"command": "status", "description": "Show it"}]
RIGHTS = dict.fromkeys(("is_anonymous", *COMMON_RIGHTS), False) | {"can_restrict_members": True}


async def test_invite_links(sim: Simulator, world: Small, api: BotClient) -> None:
    """The bot creates, replaces and ends links; a spent one lets nobody in."""
    created = await api("createChatInviteLink", chat_id=world.lounge.id, name="Door", member_limit=1)
    link = world.lounge.links[created.fields["invite_link"]]
    sim.join(world.cat, world.lounge, link=link)
    dan = sim.add_user("Dan")
    with pytest.raises(NotAllowed):
        sim.join(dan, world.lounge, link=link)
    first = await api("exportChatInviteLink", chat_id=world.lounge.id)
    second = await api("exportChatInviteLink", chat_id=world.lounge.id)
    revoked = await api("revokeChatInviteLink", chat_id=world.lounge.id, invite_link=second.result)
    both = await api("createChatInviteLink", chat_id=world.lounge.id, creates_join_request=True, member_limit=1)
    full = await api("getChat", chat_id=world.lounge.id)

    assert first.result != second.result
    assert revoked.fields["is_revoked"] is True
    assert both.status == 400
    assert "invite_link" not in full.fields


async def test_a_link_is_changed_until_it_is_revoked(world: Small, api: BotClient) -> None:
    """What the call does not name falls back to none; a revoked link is not changed any more."""
    created = await api("createChatInviteLink", chat_id=world.lounge.id, name="Door", member_limit=1)
    url = created.fields["invite_link"]
    edited = await api("editChatInviteLink", chat_id=world.lounge.id, invite_link=url, name="Gate")
    await api("revokeChatInviteLink", chat_id=world.lounge.id, invite_link=url)
    late = await api("editChatInviteLink", chat_id=world.lounge.id, invite_link=url, name="Late")

    assert edited.fields["name"] == "Gate"
    assert "member_limit" not in edited.fields
    assert late.error == "Bad Request: INVITE_HASH_EXPIRED"


async def test_links_need_the_right(sim: Simulator, world: Small, api: BotClient) -> None:
    """Without can_invite_users neither links nor requests."""
    sim.promote(world.lounge, world.bot, can_delete_messages=True)
    link = await api("createChatInviteLink", chat_id=world.lounge.id)
    request = await api("approveChatJoinRequest", chat_id=world.lounge.id, user_id=world.cat.id)

    assert link.error == "Bad Request: not enough rights to manage chat invite link"
    assert request.error == "Bad Request: not enough rights to manage chat join requests"


async def test_declining_a_request(sim: Simulator, world: Small, api: BotClient) -> None:
    """Who is declined may ask again."""
    sim.configure(world.lounge, join_by_request=True)
    sim.request_join(world.cat, world.lounge)
    with pytest.raises(NotAllowed):
        sim.request_join(world.cat, world.lounge)
    declined = await api("declineChatJoinRequest", chat_id=world.lounge.id, user_id=world.cat.id)
    again = await api("declineChatJoinRequest", chat_id=world.lounge.id, user_id=world.cat.id)
    sim.request_join(world.cat, world.lounge)
    sim.approve(world.lounge, world.cat)

    assert declined.result is True
    assert again.error == "Bad Request: HIDE_REQUESTER_MISSING"
    assert sim.member(world.lounge, world.cat).is_member


@pytest.mark.parametrize(("result", "is_in"), [("approve", True), ("decline", False), ("queue", False)])
async def test_guards_decide(sim: Simulator, world: Small, api: BotClient, *, result: str, is_in: bool) -> None:
    """A guard's query is answered once; what is queued stays with the administrators."""
    world.bot.guards_join_requests = True
    sim.configure(world.lounge, join_by_request=True)
    request = sim.request_join(world.cat, world.lounge)
    query = {"chat_join_request_query_id": request.query_id}
    shown = await api("sendChatJoinRequestWebApp", web_app_url="https://example.org", **query)
    answered = await api("answerChatJoinRequestQuery", result=result, **query)
    again = await api("answerChatJoinRequestQuery", result=result, **query)

    assert (shown.result, answered.result) == (True, True)
    assert again.status == 400
    assert sim.member(world.lounge, world.cat).is_member is is_in
    assert (world.cat.id in world.lounge.requests) is (result == "queue")


async def test_a_guard_has_ten_seconds(sim: Simulator, world: Small, api: BotClient) -> None:
    """After that nobody waits for its answer, and the request stays with the administrators."""
    world.bot.guards_join_requests = True
    sim.configure(world.lounge, join_by_request=True)
    request = sim.request_join(world.cat, world.lounge)
    sim.clock.advance(10.5)
    late = await api("answerChatJoinRequestQuery", chat_join_request_query_id=request.query_id, result="approve")

    assert (late.status, late.error) == (400, "Bad Request: QUERY_ID_INVALID")
    assert not sim.member(world.lounge, world.cat).is_member
    assert world.cat.id in world.lounge.requests


async def test_bans(sim: Simulator, world: Small, api: BotClient) -> None:
    """A banned user is out until unbanned; unbanning a member removes, unless only the banned are meant."""
    who = {"chat_id": world.lounge.id, "user_id": world.ben.id}
    await api("banChatMember", **who)
    banned = await api("getChatMember", **who)
    with pytest.raises(NotAllowed):
        sim.join(world.ben, world.lounge)
    await api("unbanChatMember", only_if_banned=True, **who)
    sim.join(world.ben, world.lounge)
    await api("unbanChatMember", only_if_banned=True, **who)
    stayed = sim.member(world.lounge, world.ben).is_member
    await api("unbanChatMember", **who)

    assert (banned.fields["status"], banned.fields["until_date"]) == ("kicked", 0)
    assert stayed
    assert sim.member(world.lounge, world.ben).status == "left"


async def test_promotions(sim: Simulator, world: Small, api: BotClient) -> None:
    """A bot promotes with rights it holds, and only with the right to."""
    who = {"chat_id": world.lounge.id, "user_id": world.ben.id}
    refused = await api("promoteChatMember", can_delete_messages=True, **who)
    sim.promote(world.lounge, world.bot, can_promote_members=True, can_delete_messages=True)
    too_much = await api("promoteChatMember", can_restrict_members=True, **who)
    await api("promoteChatMember", can_delete_messages=True, **who)
    promoted = sim.member(world.lounge, world.ben)
    listed = await api("getChatMember", **who)
    await api("promoteChatMember", **who)

    assert refused.error == "Bad Request: not enough rights"
    assert too_much.error == "Bad Request: RIGHT_FORBIDDEN"
    assert promoted.rights == {"can_manage_chat", "can_delete_messages"}
    assert listed.fields["can_be_edited"] is True
    assert sim.member(world.lounge, world.ben).status == "member"


async def test_default_permissions(sim: Simulator, world: Small, api: BotClient) -> None:
    """The bot may silence the whole group."""
    await api("setChatPermissions", chat_id=world.lounge.id, permissions={"can_send_messages": False})
    full = await api("getChat", chat_id=world.lounge.id)

    assert full.fields["permissions"]["can_send_messages"] is False
    assert not sim.can_speak(world.lounge, world.ben)


async def test_the_profile(api: BotClient) -> None:
    """What is set is read again, by scope and language."""
    scope = {"type": "all_group_chats"}
    answers = [
        await api("setMyCommands", commands=COMMANDS, scope=scope),
        await api("setMyCommands", commands=COMMANDS, language_code="de"),
        await api("setMyName", name="Gate"),
        await api("setMyDescription", description="Guards"),
        await api("setMyShortDescription", short_description="Guards"),
        await api("setMyDefaultAdministratorRights", rights=RIGHTS),
        await api("setChatMenuButton", menu_button={"type": "commands"}),
    ]
    rights = await api("getMyDefaultAdministratorRights")
    texts = [(await api(name)).fields for name in ("getMyName", "getMyDescription", "getMyShortDescription")]
    grouped = await api("getMyCommands", scope=scope)
    await api("deleteMyCommands", scope=scope)
    menu = await api("getChatMenuButton")

    assert all(answer.result is True for answer in answers)
    assert grouped.result == COMMANDS
    assert (await api("getMyCommands", scope=scope)).result == []
    assert (await api("getMyCommands", language_code="de")).result == COMMANDS
    assert texts == [{"name": "Gate"}, {"description": "Guards"}, {"short_description": "Guards"}]
    assert rights.fields["can_restrict_members"] is True
    assert menu.result == {"type": "commands"}


@pytest.mark.parametrize("command", [{"command": "Bad-Name", "description": "x"}, {"command": "x", "description": ""}])
async def test_bad_commands_are_refused(api: BotClient, command: dict[str, str]) -> None:
    """Names are lower case, descriptions are not empty."""
    answer = await api("setMyCommands", commands=[command])

    assert str(answer.error).startswith("Bad Request: BOT_COMMAND_")


async def test_pictures_and_typing(world: Small, api: BotClient) -> None:
    """A picture carries a caption; typing shows nowhere."""
    photo = await api("sendPhoto", chat_id=world.lounge.id, photo="AgACx", caption="<b>Look</b>", parse_mode="HTML")
    typing = await api("sendChatAction", chat_id=world.lounge.id, action="typing")
    edited = await api("editMessageText", chat_id=world.lounge.id, message_id=photo.fields["message_id"], text="Look")

    assert photo.fields["caption"] == "Look"
    assert typing.result is True
    assert edited.error == "Bad Request: there is no text in the message to edit"


async def test_keyboards_are_edited_and_checked(world: Small, api: BotClient) -> None:
    """A keyboard may be taken away; a button needs exactly what Telegram asks of it."""
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    sent = await api("sendMessage", chat_id=world.lounge.id, text="x", reply_markup=keyboard)
    where = {"chat_id": world.lounge.id, "message_id": sent.fields["message_id"]}
    bare = await api("editMessageReplyMarkup", **where)
    bad = [
        (
            await api("sendMessage", chat_id=world.lounge.id, text="x", reply_markup={"inline_keyboard": [[button]]})
        ).error
        for button in (
            {"text": "Go", "callback_data": "x" * 65},
            {"text": "Go"},
            {"text": "Go", "url": "no where"},
            {"text": "Go", "callback_data": "x", "style": "pink"},
        )
    ]

    assert "reply_markup" not in bare.fields
    assert bad == [
        "Bad Request: BUTTON_DATA_INVALID",
        "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        "Bad Request: inline keyboard button URL 'no where' is invalid: Wrong HTTP URL",
        "Bad Request: invalid button style specified",
    ]


async def test_replies(sim: Simulator, world: Small, api: BotClient) -> None:
    """A reply shows what it answers; a missing one is an error unless allowed."""
    said = sim.say(world.ben, world.lounge, "hello")
    reply = await api("sendMessage", chat_id=world.lounge.id, text="hi", reply_parameters={"message_id": said.id})
    missing = await api("sendMessage", chat_id=world.lounge.id, text="hi", reply_parameters={"message_id": 999})
    allowed = {"message_id": 999, "allow_sending_without_reply": True}
    anyway = await api("sendMessage", chat_id=world.lounge.id, text="hi", reply_parameters=allowed)

    assert reply.fields["reply_to_message"]["text"] == "hello"
    assert missing.error == "Bad Request: message to be replied not found"
    assert anyway.status == 200


async def test_ephemeral_messages_need_a_member_and_a_right(sim: Simulator, world: Small, api: BotClient) -> None:
    """Not in channels, not to strangers, not by a bot that is no administrator, unless it answers a press."""
    to_ben = {"receiver_user_id": world.ben.id}
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    sent = await api("sendMessage", chat_id=world.lounge.id, text="x", reply_markup=keyboard)
    in_channel = await api("sendMessage", chat_id=world.news.id, text="x", ephemeral_message_parameters=to_ben)
    sim.demote(world.lounge, world.bot)
    no_right = await api("sendMessage", chat_id=world.lounge.id, text="x", ephemeral_message_parameters=to_ben)
    query = sim.press(world.ben, world.lounge, sent.fields["message_id"], "go")
    answering = to_ben | {"callback_query_id": query.id}
    answer = await api("sendMessage", chat_id=world.lounge.id, text="x", ephemeral_message_parameters=answering)
    sim.leave(world.ben, world.lounge)
    gone = await api("sendMessage", chat_id=world.lounge.id, text="x", ephemeral_message_parameters=to_ben)

    assert in_channel.status == 400
    assert no_right.status == 400
    assert answer.fields["message_id"] == 0
    assert gone.error == "Bad Request: USER_NOT_PARTICIPANT"


async def test_leaving(sim: Simulator, world: Small, api: BotClient) -> None:
    """A bot leaves by itself and hears of its own departure last."""
    await api("leaveChat", chat_id=world.lounge.id)

    assert not sim.member(world.lounge, world.bot).is_member
    last = [next(kind for kind in update if kind != "update_id") for update in sim.updates(world.bot)][-2:]
    assert last == ["my_chat_member", "message"]


async def test_pins_need_the_right(sim: Simulator, world: Small, api: BotClient) -> None:
    """Pinning is checked, though nothing shows it."""
    said = sim.say(world.ben, world.lounge, "hello")
    refused = await api("pinChatMessage", chat_id=world.lounge.id, message_id=said.id)
    sim.promote(world.lounge, world.bot, can_pin_messages=True)
    pinned = await api("pinChatMessage", chat_id=world.lounge.id, message_id=said.id)

    assert refused.error == "Bad Request: not enough rights to manage pinned messages in the chat"
    assert pinned.result is True


async def test_a_changed_webhook(api: BotClient, hook: WebhookSink) -> None:
    """Each answer says what happened; a secret with blanks is refused and leaves no webhook."""
    info = await api("getWebhookInfo")
    deleted = [(await api("deleteWebhook")).body["description"] for _ in range(2)]
    refused = await api("setWebhook", url=hook.url, secret_token="a b")
    bare = await api("getWebhookInfo")

    assert info.fields["allowed_updates"]
    assert deleted == ["Webhook was deleted", "Webhook is already deleted"]
    assert refused.error == "Bad Request: secret token contains unallowed characters"
    assert bare.fields["url"] == ""


async def test_hidden_members_and_private_chats(sim: Simulator, world: Small, api: BotClient) -> None:
    """Where the bot may not look it is told so."""
    hidden = sim.add_group("Hidden", owner=world.ann, hidden_members=True)
    sim.add_member(hidden, world.bot)
    sim.private(world.ben, world.bot, "/start")
    secret = await api("getChatMember", chat_id=hidden.id, user_id=world.ann.id)
    private = await api("getChatAdministrators", chat_id=world.ben.id)
    peer = await api("getChatMember", chat_id=world.ben.id, user_id=world.ben.id)
    other = await api("getChatMember", chat_id=world.ben.id, user_id=world.ann.id)

    assert secret.error == "Bad Request: CHAT_ADMIN_REQUIRED"
    assert private.error == "Bad Request: there are no administrators in the private chat"
    assert peer.fields["status"] == "member"
    assert other.error == "Bad Request: member not found"


async def test_everybody_sees_their_menu(sim: Simulator, world: Small, api: BotClient) -> None:
    """The narrowest scope that has commands, and in it the viewer's language, as Telegram's apps choose."""

    async def menu(name: str, language: str = "", **scope: object) -> None:
        commands = [{"command": name, "description": f"{name} it"}]
        answer = await api("setMyCommands", commands=commands, scope=scope, language_code=language)
        assert answer.result is True

    async def seen(viewer: User, key: str) -> list[str]:
        async with api.session.get(f"{api.url}/control/state?viewer={viewer.id}") as response:
            chats = (await response.json())["chats"]
        return [each["command"] for chat in chats if chat["key"] == key for each in chat["commands"]]

    sim.private(world.ann, world.bot, "/start")
    world.ben.language_code = "de-AT"
    lounge, private = str(world.lounge.id), str(world.bot.id)
    await menu("default", type="default")
    assert (await seen(world.ann, lounge), await seen(world.ben, lounge)) == (["default"], ["default"])
    await menu("member", type="all_group_chats")
    await menu("mitglied", "de", type="all_group_chats")
    await menu("admin", type="all_chat_administrators")
    await menu("alone", type="all_private_chats")

    assert (await seen(world.ann, lounge), await seen(world.ben, lounge)) == (["admin"], ["mitglied"])
    assert (await seen(world.ann, private), await seen(world.cat, lounge)) == (["alone"], [])
    await menu("here", type="chat", chat_id=world.lounge.id)
    assert await seen(world.ben, lounge) == ["here"]


async def test_a_language_is_two_letters(api: BotClient) -> None:
    """A menu for `pt_BR` is one for `pt`."""
    answer = await api("setMyCommands", commands=COMMANDS, language_code="pt_BR")

    assert answer.error == "Bad Request: BOT_COMMANDS_LANGUAGE_CODE_INVALID"
