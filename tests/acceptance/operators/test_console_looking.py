"""What the console shows of decisions and of the bot's rights."""

import re

import pytest

from tests.acceptance.kit import gated
from tests.acceptance.operators.test_console import owner, until_known
from tests.kits.console import Visitor
from tests.kits.platform import Lounge, Platform

pytestmark = pytest.mark.servers

__all__ = ["owner"]


def cells(page: str, label: str) -> list[str]:
    """Return what stands in a column of the page's table, from the top."""
    found = re.findall(rf'data-label="{label}"[^>]*>(.*?)</td>', page, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip().lower() for cell in found]


async def test_decisions_are_narrowed_by_all_that_is_given(owner: Visitor, lounge: Lounge, platform: Platform) -> None:
    """What was decided counts beside the user or the group it was decided about."""
    await until_known(owner, lounge)
    await gated(lounge, platform, lounge.stranger)
    of = {
        "a user": f"verifications?user={lounge.stranger.id}",
        "a group": f"verifications?group={lounge.group.id}",
        "both": f"verifications?user={lounge.stranger.id}&group={lounge.group.id}",
        "everybody": "verifications?user=&group=",
    }

    for name, path in of.items():
        assert set(cells(await owner.get(f"{path}&kind="), "What")) >= {"muted", "stopped"}, name
        assert set(cells(await owner.get(f"{path}&kind=muted"), "What")) == {"muted"}, name
        assert cells(await owner.get(f"{path}&kind=overruled"), "What") == [], name


async def test_the_right_to_invite_is_shown(owner: Visitor, lounge: Lounge) -> None:
    """Needed for the link into a private channel; lacking, it is said, and the gate stands."""
    path = await until_known(owner, lounge)
    await lounge.protect(lounge.news, lounge.insiders)
    whole = await owner.get(f"{path}/rights")
    for channel in (lounge.news, lounge.insiders):
        lounge.sim.promote(channel, lounge.bot, can_post_messages=True)
    lacking = await owner.get(f"{path}/rights")

    assert cells(whole, "Invite users") == ["yes", "yes", "yes"]
    assert cells(lacking, "Invite users") == ["yes", "not needed", "missing"]
    assert "makes no links of its own" in lacking
    assert "makes no links of its own" not in whole
    for page in (whole, lacking):
        assert cells(page, "Administrator") == ["yes"] * 3
        assert "Put it right" not in page
