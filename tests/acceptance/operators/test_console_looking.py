"""What the console shows of decisions and of the bot's rights."""

import re

import pytest

from bot.domain.operator import Rank
from bot.simulator import Fault
from tests.acceptance.kit import gated
from tests.acceptance.operators.test_console import link_to, owner, until_known
from tests.kits.console import Visitor, visitor
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers

__all__ = ["owner"]

# How a bot's rest is answered: as its refused token is, and as a bot that does not run here.
REFUSED, NOT_HERE = 400, 503


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


async def examined(platform: Platform, instance: str) -> str:
    """Have a viewer examine the installation."""
    async with visitor(instance) as viewer:
        await viewer.log_in(await link_to(platform, instance, Rank.VIEWER))
        findings = await viewer.get("operations/doctor")
        assert viewer.status == 200
    return findings


async def rights_are(someone: Visitor, path: str, status: int) -> bool:
    """Whether a group's rights, for which Telegram is asked as the bot, are answered so."""
    await someone.get(f"{path}/rights")
    return someone.status == status


async def test_an_examination_wakes_no_bot_that_rests(
    owner: Visitor, lounge: Lounge, platform: Platform, instance: str
) -> None:
    """Telegram refuses a token: the bot is asked about, and none of its work is done here for that."""
    path = await until_known(owner, lounge)
    # Who the bot is stays refused, so that it rests on; what else is asked would be answered.
    lounge.sim.faults.add(Fault(kind="error", method="getMe", code=401, description="Unauthorized", times=None))
    first = lounge.sim.faults.add(Fault(kind="error", code=401, description="Unauthorized", times=None))
    await owner.get(f"{path}/rights")

    async def marked() -> bool:
        return bool(await platform.fetch("SELECT 1 FROM bots WHERE refused_at IS NOT NULL"))

    await eventually(marked, "the bot is marked")
    lounge.sim.faults.remove(first)
    await eventually(lambda: rights_are(owner, path, REFUSED), "the bot rests")
    findings = await examined(platform, instance)

    assert "Telegram refuses the token" in findings
    assert "the webhook is right" in findings
    assert await rights_are(owner, path, REFUSED)


async def test_an_examination_starts_no_bot_that_is_disabled(
    owner: Visitor, lounge: Lounge, platform: Platform, instance: str
) -> None:
    """Nobody acts as the bot, here as on all other instances, until it is enabled."""
    path = await until_known(owner, lounge)
    await owner.post(f"bots/{lounge.bot.id}/disable", sure="yes")
    await eventually(lambda: rights_are(owner, path, NOT_HERE), "the bot is served no more")
    await examined(platform, instance)

    assert await rights_are(owner, path, NOT_HERE)
