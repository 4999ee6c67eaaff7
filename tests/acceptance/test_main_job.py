"""The main job: raw webhook JSON in, Bot API calls out."""

import pytest

from tests.platform import Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def test_a_stranger_is_muted_and_freed_the_moment_they_join(lounge: Lounge, platform: Platform) -> None:
    """A stranger speaks, is muted, sees what to join, and is free without a press as soon as they have joined."""
    await lounge.protect(lounge.news)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")

    await lounge.until_muted(lounge.stranger)
    await lounge.until_said("News")
    assert message.id not in {standing.id for standing in lounge.sim.messages(lounge.group)}

    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await platform.at_rest()

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"
    assert not any("Sam" in text for text in lounge.said())
    assert await platform.open_cases() == []
