"""Banned in the channel is an absence that joining does not end: the gate holds, and the words say so."""

import pytest

from tests.acceptance.kit import buttons, finished, gated, prompts
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def test_the_prompt_says_that_joining_will_not_help(lounge: Lounge, platform: Platform) -> None:
    """There is no button into a channel that refuses them, and one into the other."""
    lounge.sim.ban(lounge.news, lounge.stranger)
    await lounge.protect(lounge.news, lounge.insiders)
    prompt = await gated(lounge, platform, lounge.stranger)
    links = [str(button["url"]) for button in buttons(prompt) if "url" in button]

    assert "You are banned in News: joining will not help there." in str(prompt.text)
    assert [link in lounge.insiders.links for link in links] == [True]


async def test_a_press_is_answered_so(lounge: Lounge, platform: Platform) -> None:
    """Until the ban is lifted: then one is asked to join like everybody else."""
    lounge.sim.ban(lounge.news, lounge.stranger)
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    banned = lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
    await eventually(lambda: banned.answer is not None, "the press is answered")
    lounge.sim.unban(lounge.news, lounge.stranger)
    await finished(lounge, platform)
    absent = lounge.sim.press(lounge.stranger, lounge.group, prompts(lounge)[-1], "v")
    await eventually(lambda: absent.answer is not None, "the press is answered")

    assert banned.answer is not None
    assert str(banned.answer.text).startswith("You are banned in News: joining will not help.")
    assert absent.answer is not None
    assert str(absent.answer.text) == "Not yet. Still to join: News"


async def test_admins_see_it_in_the_status_of_somebody(lounge: Lounge, platform: Platform) -> None:
    """`/status` in reply to somebody tells a ban from an absence, channel by channel."""
    lounge.sim.ban(lounge.news, lounge.stranger)
    await lounge.protect(lounge.news, lounge.insiders)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.say(lounge.owner, lounge.group, f"/status {lounge.stranger.id}")
    await lounge.until_said("• banned in News")
    lounge.sim.say(lounge.owner, lounge.group, f"/status {lounge.member.id}")
    await lounge.until_said("• in News")
    report = next(text for text in lounge.said() if "• banned in News" in text)

    assert "not in Insiders" in report
    assert report.endswith("I keep them from writing.")
    assert lounge.said()[-1].endswith("I do not keep them from writing.")
