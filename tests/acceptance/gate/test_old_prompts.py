"""Telegram deletes nothing that is older than 48 hours: a prompt is replaced before."""

import pytest

from bot.simulator import Clock, MovableClock
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

HOURS = 3600.0


@pytest.fixture
def sim_clock() -> Clock:
    """Let Telegram's time be moved."""
    return MovableClock()


async def let_pass(platform: Platform, lounge: Lounge, hours: float) -> None:
    """Let so much time pass for Telegram, and for the case."""
    lounge.sim.clock.advance(hours * HOURS)
    await platform.fetch(
        "UPDATE restrictions SET due_at = due_at - make_interval(hours => $1),"
        " prompt_sent_at = prompt_sent_at - make_interval(hours => $1)",
        int(hours),
    )


async def gated(lounge: Lounge, platform: Platform) -> int:
    """Have the stranger muted; return their prompt."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await lounge.settled()
    await platform.at_rest()
    (prompt,) = lounge.prompts(lounge.stranger)
    return prompt.id


async def test_a_prompt_is_replaced_after_47_hours(lounge: Lounge, platform: Platform) -> None:
    """Time and again; there is never more than one, and the member stays muted all the while."""
    seen = [await gated(lounge, platform)]

    for _ in range(3):
        await let_pass(platform, lounge, 47)
        await eventually(lambda: [each.id for each in lounge.prompts(lounge.stranger)] not in ([], [seen[-1]]), "anew")
        (prompt,) = lounge.prompts(lounge.stranger)
        seen.append(prompt.id)
        await platform.at_rest()

    assert len(set(seen)) == 4
    assert lounge.muted(lounge.stranger)
    assert len(lounge.calls("restrictChatMember")) == 1


async def test_a_young_prompt_is_left_alone(lounge: Lounge, platform: Platform) -> None:
    """Nobody is told twice within two days."""
    prompt = await gated(lounge, platform)

    await let_pass(platform, lounge, 46)
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await lounge.settled()

    assert [each.id for each in lounge.prompts(lounge.stranger)] == [prompt]


async def test_a_prompt_too_old_to_delete_becomes_one_line(lounge: Lounge, platform: Platform) -> None:
    """No instance ran in its last hour: it keeps no button, and another one stands for whoever is still there."""
    old = await gated(lounge, platform)

    await let_pass(platform, lounge, 49)
    await eventually(
        lambda: len(lounge.prompts(lounge.stranger)) == 1 and lounge.prompts(lounge.stranger)[0].id != old, "anew"
    )
    await platform.at_rest()
    left = next(each for each in lounge.sim.messages(lounge.group) if each.id == old)
    assert left.text == "This has been settled."
    assert not left.buttons

    await let_pass(platform, lounge, 49)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await platform.at_rest()
    assert lounge.prompts(lounge.stranger) == []


async def test_freed_after_days_nothing_stays(lounge: Lounge, platform: Platform) -> None:
    """The last prompt is young enough to be deleted."""
    before = await gated(lounge, platform)
    await let_pass(platform, lounge, 47)
    await eventually(lambda: before not in {each.id for each in lounge.prompts(lounge.stranger)}, "the old one is gone")
    await platform.at_rest()
    await let_pass(platform, lounge, 40)

    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await platform.at_rest()

    assert lounge.prompts(lounge.stranger) == []
