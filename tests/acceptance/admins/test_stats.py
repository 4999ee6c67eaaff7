"""`/stats`: what the gate has done, with a picture."""

from io import BytesIO

import aiohttp
import pytest
from PIL import Image

from bot.simulator import CallbackQuery, Message
from tests.acceptance.kit import buttons, finished, from_bot, gated
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def asked(lounge: Lounge) -> Message:
    """Have the owner ask, and return the answer."""
    sent = lounge.sim.say(lounge.owner, lounge.group, "/stats").id
    await eventually(lambda: any(each.id > sent for each in from_bot(lounge)), "statistics")
    await lounge.settled()
    return from_bot(lounge)[-1]


async def eventful(lounge: Lounge, platform: Platform) -> None:
    """Let a member pass, two newcomers be muted, and one of them be freed by joining."""
    await lounge.protect(lounge.news)
    # Known by the channel's events: nobody has to be asked, who on a busy machine might answer late.
    lounge.sim.leave(lounge.member, lounge.news)
    lounge.sim.join(lounge.member, lounge.news)
    await lounge.settled()
    lounge.sim.say(lounge.member, lounge.group, "good morning")
    await finished(lounge, platform)
    newcomer = lounge.sim.add_user("Nora")
    lounge.sim.join(newcomer, lounge.group)
    await lounge.until_muted(newcomer)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(newcomer, lounge.news)
    await lounge.until_free(newcomer)
    await finished(lounge, platform)
    # Sightings are written every two seconds.
    await eventually(lambda: _written(platform), "the sighting is written")


async def _written(platform: Platform) -> bool:
    return bool(await platform.fetch("SELECT 1 FROM verification_events WHERE detail = 'first_sight'"))


async def test_admins_see_what_the_gate_has_done(lounge: Lounge, platform: Platform) -> None:
    """Who came, who passed, who was stopped, who was freed by the join itself, and who waits."""
    await eventful(lounge, platform)
    for _ in range(3):
        lounge.sim.say(lounge.member, lounge.group, "and another thing")
    await lounge.settled()
    counted = "SELECT 1 FROM group_days WHERE unasked = 4"
    await eventually(lambda: _found(platform, counted), "messages that needed no question are counted")

    answer = await asked(lounge)

    lines = (answer.text or "").split("\n")
    assert lines == [
        "Lounge · Last 7 days",
        "🟦 Came in: 1",
        "🟩 Passed: 2",
        "🟧 Stopped: 2",
        "🟪 Freed by the join itself: 1 of 1 freed",
        "⏳ Waiting now: 1",
        "Messages of members checked without asking anybody: 4",
    ]
    assert answer.picture is not None
    assert Image.open(BytesIO(answer.picture)).format == "PNG"


async def _found(platform: Platform, query: str) -> bool:
    return bool(await platform.fetch(query))


async def test_a_tap_shows_another_period_in_the_same_message(lounge: Lounge) -> None:
    """The picture changes with the figures; who is no admin is told so."""
    await lounge.protect(lounge.news)
    answer = await asked(lounge)
    before = answer.picture
    assert [button["text"] for button in buttons(answer)] == ["7 days", "28 days"]

    refused: CallbackQuery = lounge.sim.press(lounge.member, lounge.group, answer, "t:28")
    await lounge.settled()
    assert refused.answer is not None
    assert "Only admins" in (refused.answer.text or "")
    assert answer.picture == before

    lounge.sim.press(lounge.owner, lounge.group, answer, "t:28")
    await lounge.settled()

    assert "Last 28 days" in (answer.text or "")
    assert answer.picture not in {None, before}


async def test_strangers_get_no_figures(lounge: Lounge) -> None:
    """A member is told that this is for admins; a group that was never protected has none."""
    lounge.sim.say(lounge.owner, lounge.group, "/stats")
    await lounge.until_said("not protected")
    await lounge.protect(lounge.news)

    lounge.sim.say(lounge.member, lounge.group, "/stats")

    await lounge.until_said("Only the owner, and admins")
    assert lounge.calls("sendPhoto") == []


async def test_the_page_shows_the_picture(lounge: Lounge) -> None:
    """At an address of the simulator; any other is answered with 404."""
    await lounge.protect(lounge.news)
    answer = await asked(lounge)
    async with aiohttp.ClientSession(lounge.sim.url) as session:
        async with session.get(f"/pictures/{lounge.group.id}/{answer.id}") as shown:
            body, kind = await shown.read(), shown.headers["Content-Type"]
        statuses = []
        for path in (f"{lounge.group.id}/1", "1.1/1", "x/1", "x.y/1"):
            async with session.get(f"/pictures/{path}") as lost:
                statuses.append(lost.status)

    assert (body, kind) == (answer.picture, "image/png")
    assert statuses == [404] * 4
