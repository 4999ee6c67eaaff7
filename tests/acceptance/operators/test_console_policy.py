"""A group's policy, changed by operators: as in the chat, audited, and never against the group's owner."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.domain.api import Scope
from bot.domain.operator import Rank
from bot.domain.policy import SETTINGS
from bot.web.api.asked import PolicyChoices
from tests.acceptance.operators.test_console import link_to, until_known
from tests.kits.api import Api, token_for
from tests.kits.console import Visitor, visitor
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers


@pytest.fixture
async def owner(platform: Platform, instance: str) -> AsyncIterator[Visitor]:
    """Log in as an owner."""
    async with visitor(instance) as someone:
        await someone.log_in(await link_to(platform, instance))
        yield someone


@pytest.fixture
async def api(platform: Platform, instance: str) -> AsyncIterator[Api]:
    """Call as a script that may act on groups."""
    async with aiohttp.ClientSession() as session:
        yield Api(session, instance, await token_for(platform, Scope.OPERATE))


async def test_what_is_chosen_counts_for_who_is_held_now(owner: Visitor, lounge: Lounge, platform: Platform) -> None:
    """Who was muted is freed when the gate is to observe only; the audit says what was chosen, by whom, from where."""
    path = await until_known(owner, lounge)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)

    await owner.post(f"{path}/policy", seen="enforcement=mute edits=check", enforcement="observe", edits="check")

    assert (owner.status, owner.headers["location"]) == (303, f"/console/{path}?done=policy")
    await lounge.until_free(lounge.stranger)
    assert "is only noted" in await owner.get(path)
    (row,) = await platform.fetch("SELECT actor, source, detail::text FROM audit_log WHERE action = 'set_policy'")
    assert tuple(row) == (7, "console", '{"enforcement": "observe"}')


async def test_what_others_chose_meanwhile_stays(owner: Visitor, lounge: Lounge) -> None:
    """A form that was opened before sets only what was changed in it."""
    path = await until_known(owner, lounge)
    lounge.sim.say(lounge.owner, lounge.group, "/settings require=any")

    async def shown() -> bool:
        return "any one channel</dd>" in await owner.get(path)

    await eventually(shown, "the chat's choice is known")
    await owner.post(f"{path}/policy", seen="require=all edits=check", require="all", edits="ignore")

    text = await owner.get(path)
    assert "any one channel</dd>" in text
    assert "are left alone</dd>" in text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("enforcement", "shoot", "enforcement is one of mute, delete, observe, kick"),
        ("kick_minutes", "-1", "kick_minutes is one of 5, 10, 30, 60"),
        ("grandfather", "", "grandfather is one of off, on"),
        ("__class__", "x", "a group has no setting of the name __class__"),
        ("locked", "off'; --", "locked is one of off, on, all"),
    ],
)
async def test_a_wrong_choice_is_named(owner: Visitor, lounge: Lounge, field: str, value: str, said: str) -> None:
    """And nothing is changed, neither by it nor by what stands beside it."""
    path = await until_known(owner, lounge)
    text = await owner.post(f"{path}/policy", require="any", **{field: value})

    assert owner.status == 400
    assert said in text.replace("&#39;", "'")
    assert "Traceback" not in text
    assert "any one channel</dd>" not in await owner.get(path)


async def test_what_the_owner_locked_is_theirs(owner: Visitor, api: Api, lounge: Lounge, platform: Platform) -> None:
    """Neither console nor API changes it, nor locks or unlocks in the owner's name."""
    path = await until_known(owner, lounge)
    await owner.post(f"{path}/policy", locked="on")
    assert owner.status == 403
    lounge.sim.say(lounge.owner, lounge.group, "/settings locked=on")

    async def locked() -> bool:
        return "has locked its settings" in await owner.get(path)

    await eventually(locked, "the lock is known")
    await owner.post(f"{path}/policy", enforcement="observe")
    assert owner.status == 403
    await owner.post(f"{path}/policy", locked="off")
    assert owner.status == 403
    answer = await api.call("PATCH", f"/{_in_api(lounge)}/policy", b'{"edits": "ignore"}')
    assert answer.status == 403
    assert not await platform.fetch("SELECT 1 FROM audit_log WHERE action = 'set_policy' AND source <> 'chat'")


async def test_a_viewer_and_another_bot_s_operator_change_nothing(
    platform: Platform, instance: str, owner: Visitor, lounge: Lounge
) -> None:
    """By rank, and by what exists for them."""
    path = await until_known(owner, lounge)
    second = lounge.sim.add_bot(username="second_bot", first_name="Second")
    await platform.host(second)
    async with visitor(instance) as viewer, aiohttp.ClientSession() as session:
        await viewer.log_in(await link_to(platform, instance, Rank.VIEWER))
        assert "Change the policy" not in await viewer.get(path)
        await viewer.post(f"{path}/policy", enforcement="observe")
        assert viewer.status == 403

        stranger = Api(session, instance, await token_for(platform, Scope.ADMIN, second.id))
        answer = await stranger.call("PATCH", f"/{_in_api(lounge)}/policy", b'{"enforcement": "observe"}')
        assert answer.status == 404


async def test_the_api_chooses_and_names_what_is_wrong(owner: Visitor, api: Api, lounge: Lounge) -> None:
    """What is not named stays; what is wrong is named with its field."""
    await until_known(owner, lounge)
    path = f"/{_in_api(lounge)}/policy"

    done = await api.call("PATCH", path, b'{"enforcement": "kick", "kick_minutes": "30"}')
    again = await api.call("PATCH", path, b'{"edits": "ignore"}')

    assert done.status == 200
    assert again.json["policy"] == {"enforcement": "kick", "kick_minutes": "30", "edits": "ignore"}
    for body, field in (
        (b'{"enforcement": "shoot"}', "enforcement"),
        (b'{"kick_minutes": 30}', "kick_minutes"),
        (b'{"require": null}', "require"),
        (b'{"grandfather": "perhaps"}', "grandfather"),
        (b'{"colour": "red"}', "colour"),
    ):
        refused = await api.call("PATCH", path, body)
        assert refused.refusal[0] == 400
        assert refused.refusal[2] == field


def test_the_api_knows_every_setting() -> None:
    """By its own name."""
    assert PolicyChoices.__struct_fields__ == SETTINGS


def _in_api(lounge: Lounge) -> str:
    return f"bots/{lounge.bot.id}/groups/{lounge.group.id}"
