"""What happens in between: each race as a fixed order of events, made by delaying one call."""

import json

import aiohttp
import pytest

from bot.simulator import Fault, Hold
from tests.acceptance.kit import gated
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers

MEDIA_BAN = {"can_send_messages": True, "can_send_other_messages": True}


@pytest.mark.usefixtures("instance")
async def test_join_between_the_answer_and_the_mute(lounge: Lounge, platform: Platform) -> None:
    """Who joins while they are being muted is free right after, without a press."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", seconds=0.5))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_running("restrictChatMember")

    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.settled()
    await platform.at_rest()

    assert not lounge.muted(lounge.stranger)
    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"
    assert lounge.prompts(lounge.stranger) == []
    assert await platform.open_cases() == []


@pytest.mark.usefixtures("instance")
async def test_join_before_the_second_question(lounge: Lounge, platform: Platform) -> None:
    """Who joins between the two questions is never muted, even if the channel's event is late."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.hold(Hold(kind="chat_member"))
    lounge.sim.faults.add(
        Fault(kind="delay", method="getChatMember", chat=lounge.group.id, user=lounge.stranger.id, seconds=0.5)
    )
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await eventually(lambda: _asked_about(lounge) > 0, "the group is asked about the stranger")

    lounge.sim.join(lounge.stranger, lounge.news)
    await platform.at_rest()
    lounge.sim.faults.release()
    await lounge.settled()

    assert lounge.calls("restrictChatMember") == []
    assert message.id in {standing.id for standing in lounge.sim.messages(lounge.group)}
    assert lounge.prompts(lounge.stranger) == []


@pytest.mark.usefixtures("instance")
async def test_a_lift_cannot_overtake_the_mute(lounge: Lounge, platform: Platform) -> None:
    """Another instance hears of the join while this one mutes: the lift still comes after the mute."""
    await lounge.protect(lounge.news)
    async with platform.instance(WEBHOOK_URL="") as other:
        lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", seconds=0.5))
        lounge.sim.say(lounge.stranger, lounge.group, "hello")
        await lounge.until_running("restrictChatMember")

        seen = len(lounge.sim.updates(lounge.bot))
        lounge.sim.join(lounge.stranger, lounge.news)
        for update in lounge.sim.updates(lounge.bot)[seen:]:
            await post(other, lounge, platform, json.dumps(update).encode())
        await lounge.settled()
        await platform.at_rest()

    assert not lounge.muted(lounge.stranger)
    assert [_is_mute(call.params) for call in lounge.calls("restrictChatMember")] == [True, False]


@pytest.mark.usefixtures("instance")
async def test_unprotect_during_a_mute(lounge: Lounge, platform: Platform) -> None:
    """A gate that is turned off while somebody is being muted leaves nobody muted."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", seconds=0.5))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_running("restrictChatMember")

    lounge.sim.say(lounge.owner, lounge.group, "/unprotect")
    await lounge.settled()
    await platform.at_rest()

    assert not lounge.muted(lounge.stranger)
    assert lounge.prompts(lounge.stranger) == []
    assert await platform.open_cases() == []


@pytest.mark.usefixtures("instance")
async def test_a_late_absence_after_the_join(lounge: Lounge, platform: Platform) -> None:
    """An answer that was on its way when the user joined counts for nothing: nobody is muted, nothing remembered."""
    await lounge.protect(lounge.news)
    channel, user = lounge.news.id, lounge.stranger.id
    lounge.sim.faults.add(Fault(kind="delay", method="getChatMember", chat=channel, user=user, seconds=0.2))
    lounge.sim.faults.add(
        Fault(kind="lie", method="getChatMember", chat=channel, user=user, result=_member(lounge, "left"))
    )
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_running("getChatMember")

    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.settled()
    await platform.at_rest()
    before = len(lounge.sim.calls)
    lounge.sim.say(lounge.stranger, lounge.group, "and again")
    await lounge.settled()

    assert lounge.calls("restrictChatMember") == []
    assert lounge.sim.calls[before:] == []


@pytest.mark.usefixtures("instance")
async def test_a_late_membership_after_the_leave(lounge: Lounge, platform: Platform) -> None:
    """A yes that was on its way when the user left is not remembered: the next message is gated."""
    await lounge.protect(lounge.news)
    channel, user = lounge.news.id, lounge.member.id
    lounge.sim.faults.add(Fault(kind="delay", method="getChatMember", chat=channel, user=user, seconds=0.2))
    lounge.sim.faults.add(
        Fault(kind="lie", method="getChatMember", chat=channel, user=user, result=_member(lounge, "member"))
    )
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await lounge.until_running("getChatMember")

    lounge.sim.leave(lounge.member, lounge.news)
    await lounge.settled()
    await platform.at_rest()
    if not lounge.muted(lounge.member):
        lounge.sim.say(lounge.member, lounge.group, "and again")

    await lounge.until_muted(lounge.member)


@pytest.mark.usefixtures("instance")
async def test_telegram_lies_once(lounge: Lounge, platform: Platform) -> None:
    """One wrong answer about a member mutes nobody: the second question finds out."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(
        Fault(
            kind="lie",
            method="getChatMember",
            chat=lounge.news.id,
            user=lounge.member.id,
            result=_member(lounge, "left"),
        )
    )

    message = lounge.sim.say(lounge.member, lounge.group, "hello")
    await lounge.settled()
    await platform.at_rest()

    assert lounge.calls("restrictChatMember") == []
    assert message.id in {standing.id for standing in lounge.sim.messages(lounge.group)}


@pytest.mark.usefixtures("instance")
@pytest.mark.parametrize("allowed", [{}, MEDIA_BAN], ids=["mute", "media ban"])
async def test_a_moderator_acts_between_our_look_and_our_lift(
    lounge: Lounge, platform: Platform, allowed: dict[str, bool]
) -> None:
    """The lift replaces what they imposed; the update about it says so, and it is put back exactly."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", user=lounge.stranger.id, seconds=0.5))
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_running("restrictChatMember")
    lounge.sim.restrict(lounge.group, lounge.stranger, by=lounge.owner, permissions=allowed)
    theirs = lounge.sim.member(lounge.group, lounge.stranger).permissions

    def stands() -> bool:
        return lounge.sim.member(lounge.group, lounge.stranger).permissions == theirs

    await eventually(lambda: len(lounge.calls("restrictChatMember")) == 3, "a mute, a lift, and what was replaced")
    await lounge.settled()
    await platform.at_rest()

    assert stands()
    assert lounge.sim.member(lounge.group, lounge.stranger).until_date == 0
    assert await platform.open_cases() == []


@pytest.mark.usefixtures("instance")
async def test_a_mute_that_lands_after_its_case_was_closed(lounge: Lounge, platform: Platform) -> None:
    """Telegram carries out a call that was given up: the echo tells, and the member is freed again."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", seconds=10.0))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_running("restrictChatMember")
    lounge.sim.join(lounge.stranger, lounge.news)

    async def closed() -> bool:
        return bool(await platform.fetch("SELECT 1 FROM restrictions WHERE closed_at IS NOT NULL"))

    await eventually(closed, "the case is closed while the call is still under way")
    await lounge.until_running("restrictChatMember")
    await eventually(lambda: lounge.muted(lounge.stranger), "the mute lands")

    await lounge.until_free(lounge.stranger)
    await platform.at_rest()
    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"
    assert await platform.open_cases() == []


@pytest.mark.usefixtures("instance")
async def test_a_moderator_acts_during_our_mute(lounge: Lounge, platform: Platform) -> None:
    """What a moderator imposed while we were muting is what the member has when we let go."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", seconds=0.5))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_running("restrictChatMember")

    lounge.sim.restrict(lounge.group, lounge.stranger, by=lounge.owner, permissions=MEDIA_BAN)
    imposed = set(lounge.sim.member(lounge.group, lounge.stranger).permissions)
    await lounge.settled()
    await platform.at_rest()
    assert lounge.muted(lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await platform.at_rest()

    state = lounge.sim.member(lounge.group, lounge.stranger)
    assert state.status == "restricted"
    assert set(state.permissions) == imposed


@pytest.mark.usefixtures("instance")
async def test_a_moderator_unmutes_during_our_mute(lounge: Lounge, platform: Platform) -> None:
    """A moderator's restriction that ended while we were muting is not given back."""
    lounge.sim.restrict(lounge.group, lounge.stranger, by=lounge.owner, permissions=MEDIA_BAN)
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", seconds=0.5))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_running("restrictChatMember")

    lounge.sim.restrict(lounge.group, lounge.stranger, by=lounge.owner, permissions=True)
    await lounge.settled()
    await platform.at_rest()

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"
    assert await platform.open_cases() == []


@pytest.mark.usefixtures("instance")
async def test_a_double_press_lifts_once(lounge: Lounge, platform: Platform) -> None:
    """Two presses at once, and the join's own event beside them: one lift."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await lounge.until_said("Sam")
    await platform.at_rest()
    (prompt,) = lounge.prompts(lounge.stranger)
    before = len(lounge.calls("restrictChatMember"))

    lounge.sim.join(lounge.stranger, lounge.news)
    for _ in range(2):
        lounge.sim.press(lounge.stranger, lounge.group, prompt.id, "v")
    await lounge.settled()
    await platform.at_rest()

    assert not lounge.muted(lounge.stranger)
    assert len(lounge.calls("restrictChatMember")) - before == 1


def _asked_about(lounge: Lounge) -> int:
    calls = lounge.calls("getChatMember")
    wanted = {"chat_id": lounge.group.id, "user_id": lounge.stranger.id}
    return sum(all(str(call.params.get(name)) == str(value) for name, value in wanted.items()) for call in calls)


def _is_mute(params: dict[str, object]) -> bool:
    permissions = params["permissions"]
    return isinstance(permissions, dict) and not any(permissions.values())


def _member(lounge: Lounge, status: str) -> dict[str, object]:
    return {"status": status, "user": {"id": lounge.stranger.id, "is_bot": False, "first_name": "Sam"}}


async def post(url: str, lounge: Lounge, platform: Platform, body: bytes) -> int:
    """Deliver an update to one instance, as Telegram would."""
    secret = str(lounge.calls("setWebhook")[-1].params["secret_token"])
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/telegram/{platform.bot.id}", data=body, headers=headers) as answer,
    ):
        return answer.status
