"""Before entry: requests to join are answered by membership of the channels."""

import pytest

from bot.simulator import Fault, Hold, User
from tests.acceptance.kit import buttons, choose, finished
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


@pytest.fixture
async def newcomer(lounge: Lounge, platform: Platform) -> User:
    """Close the group's door, have its requests answered, and return somebody outside."""
    await lounge.protect(lounge.news)
    await choose(lounge, platform, "join_requests=approve")
    lounge.sim.configure(lounge.group, by=lounge.owner, join_by_request=True)
    return lounge.sim.add_user("Nina")


def inside(lounge: Lounge, user: User) -> bool:
    """Whether somebody is in the group."""
    return lounge.sim.member(lounge.group, user).is_member


async def asked(lounge: Lounge, platform: Platform, user: User) -> str:
    """Have somebody outside the channels ask; return what they are told in private."""
    lounge.sim.request_join(user, lounge.group)
    chat = lounge.sim.private_chat(user, lounge.bot)
    await eventually(lambda: bool(lounge.sim.messages(chat)), "a word in private")

    async def waits() -> bool:
        return bool(await platform.fetch("SELECT 1 FROM join_requests WHERE is_told AND due_at = expires_at"))

    await eventually(waits, "the request waits")
    return lounge.sim.messages(chat)[-1].text or ""


async def answered(platform: Platform) -> None:
    """Wait until no request is left."""

    async def none() -> bool:
        return not await platform.fetch("SELECT 1 FROM join_requests")

    await eventually(none, "every request is answered")


async def test_a_member_of_the_channels_is_let_in(lounge: Lounge, platform: Platform, newcomer: User) -> None:
    """Without a word to anybody, and may write at once."""
    lounge.sim.join(newcomer, lounge.news)
    await lounge.settled()

    lounge.sim.request_join(newcomer, lounge.group)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")
    await answered(platform)
    await finished(lounge, platform)
    assert not lounge.muted(newcomer)
    assert lounge.sim.messages(lounge.sim.private_chat(newcomer, lounge.bot)) == []


async def test_a_stranger_is_told_and_let_in_by_the_event(lounge: Lounge, platform: Platform, newcomer: User) -> None:
    """In private, with a button for what is missing; the moment they join they are in, and the note goes."""
    text = await asked(lounge, platform, newcomer)
    chat = lounge.sim.private_chat(newcomer, lounge.bot)
    assert "News" in text
    (button,) = buttons(lounge.sim.messages(chat)[-1])
    assert str(button["url"]) in lounge.news.links
    assert not inside(lounge, newcomer)

    lounge.sim.join(newcomer, lounge.news)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")
    await answered(platform)
    await eventually(lambda: lounge.sim.messages(chat) == [], "the note is gone")


async def test_who_cannot_be_told_is_let_in_all_the_same(lounge: Lounge, newcomer: User) -> None:
    """A person who has blocked the bot hears nothing, and joins the channel by themselves."""
    lounge.sim.block(newcomer, lounge.bot)
    lounge.sim.request_join(newcomer, lounge.group)
    await eventually(lambda: bool(lounge.calls("sendMessage")), "a try")
    await lounge.settled()

    lounge.sim.join(newcomer, lounge.news)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")


async def test_an_outage_turns_nobody_away(lounge: Lounge, platform: Platform, newcomer: User) -> None:
    """Without an answer about the channel the request waits."""
    lounge.sim.join(newcomer, lounge.news)
    await lounge.settled()
    await choose(lounge, platform, "join_requests=decline")
    lounge.sim.faults.add(Fault(kind="error", method="approveChatJoinRequest", code=500, times=1))

    lounge.sim.request_join(newcomer, lounge.group)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")
    assert lounge.calls("declineChatJoinRequest") == []


@pytest.mark.parametrize(("choice", "declined"), [("approve", False), ("decline", True)])
async def test_a_request_expires(
    lounge: Lounge,
    platform: Platform,
    newcomer: User,
    choice: str,
    declined: bool,  # noqa: FBT001 - a table
) -> None:
    """After a day it is left to the admins, or declined by choice; what was said about it goes."""
    await choose(lounge, platform, f"join_requests={choice}")
    await asked(lounge, platform, newcomer)

    await platform.fetch("UPDATE join_requests SET due_at = now(), expires_at = now() RETURNING 1")
    await answered(platform)

    assert bool(lounge.calls("declineChatJoinRequest")) is declined
    assert (newcomer.id in lounge.group.requests) is not declined
    chat = lounge.sim.private_chat(newcomer, lounge.bot)
    await eventually(lambda: lounge.sim.messages(chat) == [], "the note is gone")


@pytest.mark.parametrize("choice", ["join_requests=leave", "enforcement=observe"])
async def test_requests_are_left_to_the_admins(lounge: Lounge, platform: Platform, newcomer: User, choice: str) -> None:
    """By default, and while the gate only observes; who the admins let in is gated as ever."""
    await choose(lounge, platform, choice)
    lounge.sim.request_join(newcomer, lounge.group)
    await lounge.settled()
    await answered(platform)
    assert newcomer.id in lounge.group.requests

    lounge.sim.approve(lounge.group, newcomer)
    await finished(lounge, platform)

    assert lounge.muted(newcomer) is (choice == "join_requests=leave")
    assert lounge.sim.messages(lounge.sim.private_chat(newcomer, lounge.bot)) == []


async def test_a_request_that_somebody_else_answers_is_forgotten(
    lounge: Lounge, platform: Platform, newcomer: User
) -> None:
    """The admins were faster: nothing is tried for ever."""
    await asked(lounge, platform, newcomer)
    lounge.sim.decline(lounge.group, newcomer)

    lounge.sim.join(newcomer, lounge.news)
    await answered(platform)

    assert not inside(lounge, newcomer)


async def test_a_guard_lets_a_member_in_at_once(lounge: Lounge, platform: Platform, newcomer: User) -> None:
    """A bot that is the group's guard is asked and answers the question itself; nothing is kept or sent."""
    lounge.bot.guards_join_requests = True
    lounge.sim.join(newcomer, lounge.news)
    await lounge.settled()

    lounge.sim.request_join(newcomer, lounge.group)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")
    assert rulings(lounge) == ["approve"]
    assert not await platform.fetch("SELECT 1 FROM join_requests")
    assert lounge.calls("approveChatJoinRequest") == []


async def test_a_guard_leaves_a_stranger_waiting(lounge: Lounge, platform: Platform, newcomer: User) -> None:
    """Told in private what to join, and let in by the event; a guard turns nobody away."""
    lounge.bot.guards_join_requests = True
    text = await asked(lounge, platform, newcomer)
    assert "News" in text
    assert rulings(lounge) == ["queue"]

    lounge.sim.join(newcomer, lounge.news)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")
    assert rulings(lounge) == ["queue"]


async def test_a_guard_that_cannot_know_leaves_the_request(lounge: Lounge, newcomer: User) -> None:
    """While Telegram does not tell about the channel; an outage lets nobody in, and turns nobody away."""
    lounge.bot.guards_join_requests = True
    lounge.sim.faults.add(Fault(kind="error", method="getChatMember", times=None))
    lounge.sim.request_join(newcomer, lounge.group)
    await eventually(lambda: rulings(lounge) == ["queue"], "an answer")
    assert not inside(lounge, newcomer)

    lounge.sim.faults.clear()
    lounge.sim.join(newcomer, lounge.news)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")
    assert lounge.calls("declineChatJoinRequest") == []


async def test_a_guard_leaves_to_the_admins_what_is_theirs(lounge: Lounge, platform: Platform, newcomer: User) -> None:
    """Where the gate does not answer requests the query is answered all the same, and at once."""
    await choose(lounge, platform, "join_requests=leave")
    lounge.bot.guards_join_requests = True

    lounge.sim.request_join(newcomer, lounge.group)

    await eventually(lambda: rulings(lounge) == ["queue"], "an answer")
    await lounge.settled()
    assert newcomer.id in lounge.group.requests
    assert not await platform.fetch("SELECT 1 FROM join_requests")


async def test_a_guards_answer_that_comes_too_late_is_made_up_for(
    lounge: Lounge, platform: Platform, newcomer: User
) -> None:
    """After ten seconds Telegram has queued the request: it is answered like any other."""
    lounge.bot.guards_join_requests = True
    lounge.sim.join(newcomer, lounge.news)
    await lounge.settled()
    hold = lounge.sim.faults.hold(Hold(kind="chat_join_request"))
    lounge.sim.request_join(newcomer, lounge.group)
    lounge.sim.clock.advance(11)
    lounge.sim.faults.release(hold)

    await eventually(lambda: inside(lounge, newcomer), "the door is open")
    await answered(platform)
    assert [call.status for call in lounge.calls("answerChatJoinRequestQuery")] == [400]
    assert len(lounge.calls("approveChatJoinRequest")) == 1


def rulings(lounge: Lounge) -> list[object]:
    """Return how the bot has answered queries, in order."""
    return [call.params["result"] for call in lounge.calls("answerChatJoinRequestQuery")]
