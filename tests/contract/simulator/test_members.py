"""Memberships and permissions: algebra, restrictions that survive, ends, roles, what the bot hears."""

import pytest

from bot.simulator import Clock, MovableClock, NotAllowed, Simulator
from bot.simulator.permissions import PERMISSIONS, complete, normal_until
from tests.contract.simulator.conftest import Small
from tests.kits.simulator import BotClient

EVERYTHING = dict.fromkeys(PERMISSIONS, True)
NOW = 1_800_000_000.0


@pytest.fixture
def sim_clock() -> Clock:
    """Move time by hand."""
    return MovableClock()


@pytest.mark.parametrize(
    ("given", "independent", "granted"),
    [
        ({}, False, set()),
        ({"can_send_messages": True}, False, {"can_send_messages", "can_react_to_messages"}),
        ({"can_send_polls": True}, False, {"can_send_messages", "can_send_polls", "can_react_to_messages"}),
        ({"can_send_polls": True}, True, {"can_send_polls"}),
        ({"can_pin_messages": True}, True, {"can_pin_messages", "can_manage_topics", "can_edit_tag"}),
        (
            {"can_add_web_page_previews": True},
            False,
            set(PERMISSIONS)
            - {
                "can_send_polls",
                "can_send_other_messages",
                "can_edit_tag",
                "can_change_info",
                "can_invite_users",
                "can_pin_messages",
                "can_manage_topics",
            },
        ),
    ],
)
def test_permissions_imply_each_other(given: dict[str, bool], granted: set[str], *, independent: bool) -> None:
    """Missing is false; unless independent, some permissions bring others along."""
    result = complete(given, independent=independent)

    assert {name for name, value in result.items() if value} == granted


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(-5, False), (0, False), (29, False), (31, True), (366 * 86400 - 1, True), (367 * 86400, False)],
)
def test_too_short_and_too_long_is_for_ever(seconds: int, *, kept: bool) -> None:
    """A restriction under 30 seconds or over 366 days has no end."""
    until = int(NOW) + seconds

    assert normal_until(until, NOW) == (until if kept else 0)


async def test_mute_and_lift(sim: Simulator, world: Small, api: BotClient) -> None:
    """The bot mutes and lifts; everything allowed makes an ordinary member again."""
    await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions={})
    muted = sim.can_speak(world.lounge, world.ben)
    await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions=EVERYTHING)

    assert muted is False
    assert sim.can_speak(world.lounge, world.ben)
    assert sim.member(world.lounge, world.ben).status == "member"


async def test_the_muted_cannot_write_but_press(sim: Simulator, world: Small, api: BotClient) -> None:
    """A mute stops messages, not buttons."""
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    sent = await api("sendMessage", chat_id=world.lounge.id, text="Press", reply_markup=keyboard)
    await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions={})
    with pytest.raises(NotAllowed):
        sim.say(world.ben, world.lounge, "hello")
    query = sim.press(world.ben, world.lounge, sent.fields["message_id"], "go")
    await api("answerCallbackQuery", callback_query_id=query.id, text="Not yet", show_alert=True)

    assert query.answer is not None
    assert (query.answer.text, query.answer.show_alert) == ("Not yet", True)


async def test_a_restriction_survives_leaving(sim: Simulator, world: Small, api: BotClient) -> None:
    """Who leaves muted comes back muted."""
    await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions={})
    sim.leave(world.ben, world.lounge)
    away = await api("getChatMember", chat_id=world.lounge.id, user_id=world.ben.id)
    sim.join(world.ben, world.lounge)
    back = await api("getChatMember", chat_id=world.lounge.id, user_id=world.ben.id)

    assert (away.fields["status"], away.fields["is_member"]) == ("restricted", False)
    assert (back.fields["status"], back.fields["is_member"]) == ("restricted", True)


async def test_a_restriction_ends_by_itself_without_an_update(sim: Simulator, world: Small, api: BotClient) -> None:
    """After its end a restriction reads as lifted, and nobody is told."""
    end = int(sim.clock.now()) + 60
    await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions={}, until_date=end)
    count = len(sim.updates(world.bot))
    sim.clock.advance(61)

    assert sim.can_speak(world.lounge, world.ben)
    assert sim.member(world.lounge, world.ben).status == "member"
    assert len(sim.updates(world.bot)) == count


async def test_chat_defaults_hold_for_members(sim: Simulator, world: Small) -> None:
    """The effective right is the member's own and the chat's."""
    sim.set_permissions(world.lounge, can_send_messages=False)

    assert not sim.can_speak(world.lounge, world.ben)
    assert sim.can_speak(world.lounge, world.ann)


async def test_the_bots_own_restriction_comes_back(sim: Simulator, world: Small, api: BotClient) -> None:
    """Restricting makes a chat_member whose actor is the bot, and the same again makes none."""
    await api("setWebhook", url="http://127.0.0.1:9/", allowed_updates=["chat_member"])
    await api("deleteWebhook")
    for _ in range(2):
        await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions={})

    changes = [update["chat_member"] for update in sim.updates(world.bot) if "chat_member" in update]
    assert [change["from"]["id"] for change in changes] == [world.bot.id]  # type: ignore[index]  # JSON of a known shape


async def test_a_demoted_bot_hears_of_itself_only(sim: Simulator, world: Small, api: BotClient) -> None:
    """Without administrator's rights chat_member stops; my_chat_member tells."""
    await api("setWebhook", url="http://127.0.0.1:9/", allowed_updates=["chat_member", "my_chat_member"])
    await api("deleteWebhook")
    count = len(sim.updates(world.bot))
    sim.demote(world.lounge, world.bot)
    sim.join(world.cat, world.lounge)

    new = sim.updates(world.bot)[count:]
    assert ["my_chat_member" in update for update in new] == [True]


async def test_a_human_mute_needs_the_right(sim: Simulator, world: Small) -> None:
    """An ordinary member cannot mute, nobody mutes the owner."""
    with pytest.raises(NotAllowed):
        sim.restrict(world.lounge, world.cat, by=world.ben)
    sim.promote(world.lounge, world.ben, can_restrict_members=True)
    with pytest.raises(NotAllowed):
        sim.restrict(world.lounge, world.ann, by=world.ben)


async def test_basic_groups_become_supergroups(sim: Simulator, world: Small, api: BotClient) -> None:
    """After migration the old id answers with the new one, and the people are there."""
    group = sim.add_group("Old", owner=world.ann, kind="group")
    sim.add_member(group, world.bot)
    sim.promote(group, world.bot, can_restrict_members=True)
    sim.join(world.ben, group)
    refused = await api("restrictChatMember", chat_id=group.id, user_id=world.ben.id, permissions={})
    new = sim.migrate(group)
    moved = await api("sendMessage", chat_id=group.id, text="hi")

    assert refused.error == "Bad Request: method is available only for supergroups"
    assert moved.body["parameters"] == {"migrate_to_chat_id": new.id}
    assert sim.member(new, world.ben).is_member
    services = [update["message"] for update in sim.updates(world.bot) if "message" in update][-2:]
    assert services[0]["migrate_to_chat_id"] == new.id  # type: ignore[index]  # JSON of a known shape
    assert services[1]["migrate_from_chat_id"] == group.id  # type: ignore[index]  # JSON of a known shape


async def test_join_requests(sim: Simulator, world: Small, api: BotClient) -> None:
    """A request opens the private chat for five minutes; approval lets in and comes back as a change by the bot."""
    link = sim.invite_link(world.lounge, creates_join_request=True)
    with pytest.raises(NotAllowed):
        sim.join(world.cat, world.lounge, link=link)
    sim.request_join(world.cat, world.lounge, link=link)
    written = await api("sendMessage", chat_id=world.cat.id, text="Why?")
    sim.clock.advance(301)
    late = await api("sendMessage", chat_id=world.cat.id, text="Still there?")
    approved = await api("approveChatJoinRequest", chat_id=world.lounge.id, user_id=world.cat.id)
    again = await api("approveChatJoinRequest", chat_id=world.lounge.id, user_id=world.cat.id)

    assert written.status == 200
    assert late.error == "Forbidden: bot can't initiate conversation with a user"
    assert approved.result is True
    assert again.error == "Bad Request: USER_ALREADY_PARTICIPANT"
    assert sim.member(world.lounge, world.cat).is_member


async def test_a_guard_bot_answers_the_request(sim: Simulator, world: Small, api: BotClient) -> None:
    """A bot that guards the chat gets a query with the request and decides by it."""
    world.bot.guards_join_requests = True
    world.lounge.join_by_request = True
    sim.request_join(world.cat, world.lounge)
    query = [update for update in sim.updates(world.bot) if "chat_join_request" in update][-1]
    query_id = query["chat_join_request"]["query_id"]  # type: ignore[index]  # JSON of a known shape
    answer = await api("answerChatJoinRequestQuery", chat_join_request_query_id=query_id, result="approve")

    assert answer.result is True
    assert sim.member(world.lounge, world.cat).is_member


async def test_usernames_come_and_go(sim: Simulator, world: Small, api: BotClient) -> None:
    """A channel that gives up its name is found by it no longer, and another may take it."""
    sim.set_username(world.news, None)
    gone = await api("getChat", chat_id="@news")
    other = sim.add_channel("Other", owner=world.ann, username="News")
    with pytest.raises(NotAllowed):
        sim.set_username(world.news, "nEWS")
    found = await api("getChat", chat_id="@news")

    assert gone.error == "Bad Request: chat not found"
    assert found.fields["id"] == other.id


async def test_an_unchanged_restriction_needs_no_right(sim: Simulator, world: Small, api: BotClient) -> None:
    """Lifting what is not there succeeds even for a bot that lost its rights."""
    sim.demote(world.lounge, world.bot)
    nothing = await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions=EVERYTHING)
    something = await api("restrictChatMember", chat_id=world.lounge.id, user_id=world.ben.id, permissions={})

    assert nothing.result is True
    assert something.status == 400


async def test_several_are_added_with_one_message(sim: Simulator, world: Small, api: BotClient) -> None:
    """Adding two makes two changes and one service message that names both."""
    await api("setWebhook", url="http://127.0.0.1:9/", allowed_updates=["message", "chat_member"])
    await api("deleteWebhook")
    before = len(sim.updates(world.bot))
    sim.add_members(world.lounge, [world.cat, sim.add_user("Dan")])

    new = sim.updates(world.bot)[before:]
    assert [next(kind for kind in update if kind != "update_id") for update in new] == [
        "chat_member",
        "chat_member",
        "message",
    ]


async def test_deleted_accounts(sim: Simulator, world: Small, api: BotClient) -> None:
    """A deleted account has left everywhere without a word and cannot be written to."""
    sim.private(world.ben, world.bot, "/start")
    before = len(sim.updates(world.bot))
    sim.delete_account(world.ben)
    member = await api("getChatMember", chat_id=world.lounge.id, user_id=world.ben.id)
    written = await api("sendMessage", chat_id=world.ben.id, text="hi")

    assert len(sim.updates(world.bot)) == before
    assert (member.fields["status"], member.fields["user"]["first_name"]) == ("left", "")
    assert written.error == "Forbidden: user is deactivated"
