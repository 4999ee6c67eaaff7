"""A raid: hundreds of strangers come within seconds. They are muted, and the group hears of it once.

`make test` plays a smaller one; FULL=1 plays one of 500 strangers. Each run prints its figures: `pytest -s`.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from bot.simulator import FloodLimits, Hold, Message, User
from tests.acceptance.kit import buttons, from_bot, prompts, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

_FULL = bool(os.environ.get("FULL"))
_STRANGERS = 500 if _FULL else 40
_COME_IN_SECONDS = 10.0 if _FULL else 1.0
# What a group may hear of a raid within its first minute.
_MOST_MESSAGES = 20


class Raid:
    """Strangers who come into the group one after the other, and what the bot does about them."""

    def __init__(self, lounge: Lounge, number: int = _STRANGERS) -> None:
        self.lounge = lounge
        self.people = [lounge.sim.add_user(f"Raider{n:03}x") for n in range(number)]

    async def come(self, seconds: float = _COME_IN_SECONDS) -> None:
        """Let them in at an even pace."""
        started = time.monotonic()
        for number, person in enumerate(self.people):
            wait = started + seconds * number / len(self.people) - time.monotonic()
            await asyncio.sleep(max(wait, 0))
            self.lounge.sim.join(person, self.lounge.group)

    def free(self) -> list[User]:
        """Return who can write."""
        return [person for person in self.people if not self.lounge.muted(person)]

    def messages(self) -> int:
        """Count what the bot has sent to the group, gone or not."""
        return len(self.lounge.calls("sendMessage"))

    def shared(self) -> list[Message]:
        """Return the shared prompts that stand."""
        return [each for each in prompts(self.lounge) if "Waiting" in (each.text or "")]

    def says(self, number: int) -> Callable[[], bool]:
        """Tell whether one shared prompt stands that counts so many."""
        return lambda: [f": {number}." in (each.text or "") for each in self.shared()] == [True]


async def sharing(platform: Platform) -> int:
    """Count the cases that the shared prompt stands for."""
    rows = await platform.fetch(
        "SELECT 1 FROM restrictions WHERE closed_at IS NULL AND prompt_state = 'sent' AND prompt_message_id IS NULL"
    )
    return len(rows)


@pytest.fixture
async def raid(lounge: Lounge) -> Raid:
    """Protect the group by a channel and have strangers stand outside."""
    await lounge.protect(lounge.news)
    return Raid(lounge)


async def test_a_raid_is_muted_and_hardly_heard(lounge: Lounge, platform: Platform, raid: Raid) -> None:
    """All within the minute, a few messages, and everything gone when the last of them has joined or left."""
    before, started = raid.messages(), time.monotonic()
    await raid.come()
    await eventually(lambda: not raid.free(), "all are muted", within=60)
    muted_after = time.monotonic() - started
    await platform.at_rest(within=60)
    waiting = await sharing(platform)
    await eventually(raid.says(waiting), "one prompt counts them all", within=60)
    heard = raid.messages() - before
    sys.stdout.write(
        f"\n{len(raid.people)} strangers: muted after {muted_after:.1f} s, "
        f"{heard} messages, {len(lounge.calls('editMessageText'))} edits\n"
    )

    assert muted_after < 60
    assert heard <= _MOST_MESSAGES
    assert waiting == len(raid.people) - (heard - 1)
    assert [button.get("callback_data") for button in buttons(raid.shared()[0])][-1] == "v"

    half = len(raid.people) // 2
    for person in raid.people[:half]:
        lounge.sim.join(person, lounge.news)
    for person in raid.people[half:]:
        lounge.sim.leave(person, lounge.group)
    await eventually(lambda: raid.free()[:half] == raid.people[:half], "who has joined is free", within=60)
    await eventually(lambda: not prompts(lounge), "no prompt is left", within=60)
    await eventually(lambda: len(from_bot(lounge)) == 1, "only the answer to /protect stands")


async def test_who_joins_the_channel_meanwhile_is_not_left_muted(lounge: Lounge, platform: Platform) -> None:
    """Every third of them joins in the middle of it; a moderator's mute is still a mute when it is over."""
    raid = Raid(lounge, 30)
    punished = raid.people[4]
    lounge.sim.join(punished, lounge.group)
    lounge.sim.restrict(lounge.group, punished, by=lounge.owner)
    lounge.sim.leave(punished, lounge.group)
    await lounge.protect(lounge.news)
    await asyncio.gather(raid.come(0.5), _join_later(lounge, raid.people[::3]))
    await lounge.settled()
    await eventually(lambda: set(raid.free()) == set(raid.people[::3]), "members are free, and nobody else", within=60)
    await platform.at_rest(within=60)

    for person in raid.people:
        if not lounge.sim.member(lounge.news, person).is_member:
            lounge.sim.join(person, lounge.news)
    await eventually(lambda: raid.free() == [each for each in raid.people if each is not punished], "the others, too")
    await platform.at_rest(within=60)
    assert lounge.muted(punished)
    await eventually(lambda: not prompts(lounge), "no prompt is left", within=30)


async def _join_later(lounge: Lounge, people: list[User]) -> None:
    for person in people:
        await eventually(partial(_is_inside, lounge, person), "is there")
        lounge.sim.join(person, lounge.news)


def _is_inside(lounge: Lounge, person: User) -> bool:
    return lounge.sim.member(lounge.group, person).is_member


@pytest.mark.parametrize("flood_limits", [FloodLimits()])
async def test_telegrams_limits_delay_a_raid_and_lose_nobody(lounge: Lounge, platform: Platform) -> None:
    """With the published limits, in the order they came; the group's budget is not used up by prompts."""
    raid = Raid(lounge, _STRANGERS if _FULL else 30)
    await lounge.protect(lounge.news)
    await raid.come()
    await eventually(lambda: not raid.free(), "all are muted", within=60)
    await platform.at_rest(within=60)
    await eventually(raid.says(await sharing(platform)), "one prompt counts them all", within=60)

    muted = [call.params["user_id"] for call in lounge.calls("restrictChatMember")]
    assert Counter(muted) == Counter(person.id for person in raid.people)
    assert not [call for call in lounge.sim.calls if call.status == 429]


async def test_the_shared_button_answers_whoever_presses(lounge: Lounge, platform: Platform, raid: Raid) -> None:
    """With that person's own missing channels, and at once with freedom for who has joined."""
    await raid.come()
    await eventually(lambda: not raid.free(), "all are muted", within=60)
    await platform.at_rest(within=60)
    waiting = await sharing(platform)
    await eventually(raid.says(waiting), "one prompt counts them all", within=60)
    (shared,) = raid.shared()
    last = raid.people[-1]

    query = lounge.sim.press(last, lounge.group, shared.id, "v")
    await eventually(lambda: query.answer is not None, "an answer")
    assert query.answer is not None
    assert "News" in str(query.answer.text)
    assert stands(lounge, shared)

    lounge.sim.faults.hold(Hold(kind="chat_member", user=last.id))
    lounge.sim.join(last, lounge.news)
    lounge.sim.press(last, lounge.group, shared.id, "v")
    await lounge.until_free(last)
    await eventually(raid.says(waiting - 1), "one less is counted", within=60)
