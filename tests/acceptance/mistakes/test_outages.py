"""An outage is never an absence: whatever Telegram fails to say, nobody is muted for it."""

from collections import Counter

import pytest

from bot.simulator import Fault, Hold
from tests.acceptance.kit import finished, gated, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

# What Telegram may answer to getChatMember without saying whether the user is in the channel.
NO_ANSWERS = {
    "429": Fault(kind="flood", retry_after=1),
    "500": Fault(kind="error", code=500, description="Internal Server Error"),
    "502": Fault(kind="error", code=502, description="Bad Gateway"),
    "connection cut": Fault(kind="drop"),
    "time-out": Fault(kind="delay", seconds=2.5),
    "token revoked": Fault(kind="error", code=401, description="Unauthorized"),
    "bot kicked": Fault(kind="error", code=403, description="Forbidden: bot was kicked from the channel chat"),
    "bot not a member": Fault(kind="error", code=403, description="Forbidden: bot is not a member of the channel chat"),
    "chat not found": Fault(kind="error", code=400, description="Bad Request: chat not found"),
    "member list inaccessible": Fault(kind="error", code=400, description="Bad Request: member list is inaccessible"),
    "admin required": Fault(kind="error", code=400, description="Bad Request: CHAT_ADMIN_REQUIRED"),
    "PARTICIPANT_ID_INVALID": Fault(kind="error", code=400, description="Bad Request: PARTICIPANT_ID_INVALID"),
    "USER_ID_INVALID": Fault(kind="error", code=400, description="Bad Request: USER_ID_INVALID"),
    "user not found": Fault(kind="error", code=400, description="Bad Request: user not found"),
    "unheard-of refusal": Fault(kind="error", code=400, description="Bad Request: CHAT_PONDERING"),
    "unheard-of status": Fault(kind="lie", result={"status": "pondering", "user": {}}),
}


def fails(lounge: Lounge, name: str) -> Fault:
    """Let every question about anybody in the News channel end in this fault."""
    model = NO_ANSWERS[name]
    result = {"status": "pondering", "user": {"id": 1, "is_bot": False, "first_name": "Nobody"}}
    return lounge.sim.faults.add(
        Fault(
            kind=model.kind,
            method="getChatMember",
            chat=lounge.news.id,
            times=None,
            retry_after=model.retry_after,
            code=model.code,
            description=model.description,
            seconds=model.seconds,
            result=result if model.kind == "lie" else None,
        )
    )


@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_nobody_is_muted_for_an_answer_that_is_none(lounge: Lounge, platform: Platform, name: str) -> None:
    """Member and stranger speak while Telegram fails: both messages stay; the stranger is muted once it is over."""
    await lounge.protect(lounge.news)
    fault = fails(lounge, name)
    messages = [lounge.sim.say(user, lounge.group, "hello") for user in (lounge.member, lounge.stranger)]
    await finished(lounge, platform)

    assert all(stands(lounge, message) for message in messages)
    assert restricted(lounge) == []
    assert prompts(lounge) == []

    async def muted() -> bool:
        # After a 429 nothing is asked for as long as Telegram said, and messages pass.
        lounge.sim.say(lounge.stranger, lounge.group, "hello again")
        await finished(lounge, platform)
        return lounge.muted(lounge.stranger)

    lounge.sim.faults.remove(fault)
    await eventually(muted, "the stranger is muted")


async def test_one_false_absence_mutes_nobody(lounge: Lounge, platform: Platform) -> None:
    """Telegram says "left" once about a member, as it has been seen to: the second question is believed."""
    await lounge.protect(lounge.news)
    left = {"status": "left", "user": {"id": lounge.member.id, "is_bot": False, "first_name": "Mia"}}
    lie = Fault(kind="lie", method="getChatMember", chat=lounge.news.id, user=lounge.member.id, result=left)
    lounge.sim.faults.add(lie)
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await finished(lounge, platform)

    assert restricted(lounge) == []
    assert prompts(lounge) == []


async def test_an_error_at_the_second_question_mutes_nobody(lounge: Lounge, platform: Platform) -> None:
    """Absent at first, then Telegram fails: the mute is not imposed on half the evidence."""
    await lounge.protect(lounge.news)
    user = {"id": lounge.member.id, "is_bot": False, "first_name": "Mia"}
    about, where = lounge.member.id, lounge.news.id
    lie = {"status": "left", "user": user}
    lounge.sim.faults.add(Fault(kind="lie", method="getChatMember", chat=where, user=about, result=lie))
    lounge.sim.faults.add(Fault(kind="error", method="getChatMember", chat=where, user=about, times=None))
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await lounge.settled()
    # The question is asked again after 1, 2 and 4 s.
    await platform.at_rest()

    assert restricted(lounge) == []


async def test_a_remembered_absence_mutes_nobody(lounge: Lounge, platform: Platform) -> None:
    """Known as absent, joined meanwhile, and the event of it is late: Telegram is asked before the mute."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.stranger, permissions=True)
    await finished(lounge, platform)
    held = lounge.sim.faults.hold(Hold(kind="chat_member"))
    lounge.sim.join(lounge.stranger, lounge.news)
    mutes = len(restricted(lounge))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    # Not `finished`: the event that is held back is not acknowledged.
    await eventually(lambda: any(m.text == "hello" for m in lounge.sim.messages(lounge.group)), "the message is there")
    await platform.at_rest()
    quiet = len(restricted(lounge)) == mutes and not lounge.muted(lounge.stranger)
    lounge.sim.faults.release(held)

    assert quiet


async def test_a_channel_that_fails_does_not_hide_an_absence_from_another(lounge: Lounge, platform: Platform) -> None:
    """One channel cannot be asked, absence from the other is proven: the prompt names the proven one alone."""
    await lounge.protect(lounge.news, lounge.insiders)
    fails(lounge, "500")
    prompt = await gated(lounge, platform, lounge.stranger)

    assert "Insiders" in str(prompt.text)
    assert "News" not in str(prompt.text)


async def test_a_group_may_choose_to_hold_messages_meanwhile_but_not_to_mute(
    lounge: Lounge, platform: Platform
) -> None:
    """With "remove it", what cannot be checked is removed; still nobody is muted."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings on_unknown=hold")
    await finished(lounge, platform)
    fails(lounge, "500")
    message = lounge.sim.say(lounge.member, lounge.group, "hello")
    await eventually(lambda: not stands(lounge, message), "the message is removed")
    await finished(lounge, platform)

    assert restricted(lounge) == []


async def test_who_is_muted_is_not_freed_by_an_outage(lounge: Lounge, platform: Platform) -> None:
    """A press while Telegram fails is told so; it opens nothing, and the prompt stays for the next press."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    fault = fails(lounge, "500")
    press = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
    await finished(lounge, platform)

    assert press.answer is not None
    assert "cannot check" in str(press.answer.text)
    assert lounge.muted(lounge.stranger)
    assert len(prompts(lounge)) == 1

    lounge.sim.faults.remove(fault)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="flood", method="restrictChatMember", retry_after=1),
        Fault(kind="error", method="restrictChatMember", code=500),
        Fault(kind="drop", method="restrictChatMember"),
        Fault(kind="lose_answer", method="restrictChatMember"),
    ],
    ids=lambda fault: fault.kind,
)
async def test_a_lift_that_fails_is_tried_again(lounge: Lounge, platform: Platform, fault: Fault) -> None:
    """Nobody stays muted because Telegram was busy at the moment of the join."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.faults.add(
        Fault(kind=fault.kind, method=fault.method, code=fault.code, retry_after=fault.retry_after, times=1)
    )
    lounge.sim.join(lounge.stranger, lounge.news)
    await eventually(lambda: not lounge.muted(lounge.stranger), "freed at the second attempt")
    await eventually(lambda: prompts(lounge) == [], "the prompt is gone")

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"


@pytest.mark.parametrize(
    "description",
    [
        "Bad Request: user is an administrator of the chat",
        "Bad Request: not enough rights to restrict/unrestrict chat member",
        "Bad Request: can't remove chat owner",
        "Bad Request: PARTICIPANT_ID_INVALID",
        "Forbidden: bot was kicked from the supergroup chat",
    ],
)
async def test_a_refused_mute_is_not_tried_again(lounge: Lounge, platform: Platform, description: str) -> None:
    """What Telegram refuses for good is asked once, and the group sees no prompt for a mute that is none."""
    await lounge.protect(lounge.news)
    code = 403 if description.startswith("Forbidden") else 400
    lounge.sim.faults.add(
        Fault(kind="error", method="restrictChatMember", code=code, description=description, times=None)
    )
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await eventually(lambda: restricted(lounge) != [], "the attempt")
    await finished(lounge, platform)

    assert restricted(lounge) == [lounge.stranger.id]
    assert prompts(lounge) == []
    assert await platform.open_cases() == []


async def test_a_slow_api_does_not_hold_up_the_group(lounge: Lounge) -> None:
    """GetChatMember takes a second and a half: the update is acknowledged long before, and the mute follows."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="delay", method="getChatMember", chat=lounge.news.id, seconds=1.5, times=None))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)

    delivery = next(each for each in reversed(lounge.sim.deliveries) if each.kind == "message")
    assert delivery.finished is not None
    assert delivery.finished - delivery.started < 1.4


async def test_a_member_costs_one_question_however_much_they_say(lounge: Lounge, platform: Platform) -> None:
    """Thirty messages of a member: one getChatMember for the channel, and no other call at all."""
    await lounge.protect(lounge.news)
    before = len(lounge.sim.calls)
    for number in range(30):
        lounge.sim.say(lounge.member, lounge.group, f"message {number}")
    await finished(lounge, platform)

    questions = 1 + (await platform.asked_late()).total()
    methods = [call.method for call in lounge.sim.calls[before:]]
    assert methods in [["getChatMember"] * number for number in range(1, questions + 1)]


async def test_a_group_that_was_never_protected_costs_nothing(lounge: Lounge, platform: Platform) -> None:
    """Messages, joins and leaves in an open group call nothing and leave no trace in the database."""
    guest = lounge.sim.add_user("Gina")
    before = len(lounge.sim.calls)
    lounge.sim.join(guest, lounge.group)
    for number in range(10):
        lounge.sim.say(guest, lounge.group, f"message {number}")
    lounge.sim.leave(guest, lounge.group)
    await finished(lounge, platform)

    # The bot asks once who it is.
    assert [call.method for call in lounge.sim.calls[before:] if call.method != "getMe"] == []
    assert await platform.fetch("SELECT 1 FROM restrictions") == []


async def test_many_strangers_at_once_cost_one_question_each_before_their_mutes(lounge: Lounge) -> None:
    """Thirty strangers join within a second: no mute waits for the budget of twenty messages per minute and group."""
    await lounge.protect(lounge.news)
    crowd = [lounge.sim.add_user(f"Guest {number}") for number in range(30)]
    for guest in crowd:
        lounge.sim.join(guest, lounge.group)
    await eventually(lambda: all(lounge.muted(guest) for guest in crowd), "all thirty are muted", within=60)
    await lounge.settled()

    muted = {call.params["user_id"]: call.number for call in lounge.calls("restrictChatMember")}
    asked = Counter(
        call.params["user_id"]
        for call in lounge.calls("getChatMember")
        if call.params["chat_id"] == lounge.news.id and call.number < muted.get(call.params["user_id"], 0)
    )
    # Who could not wait for the first answer is asked about again, and so is whose lease ran out.
    assert sum(asked.values()) <= 5 * len(crowd)
