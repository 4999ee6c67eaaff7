"""Owners of one bot: given by an operator, let in by the bot, and without any other bot, whatever they try."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.domain.api import Scope
from bot.simulator import Bot
from tests.acceptance.operators.test_console import link_to, until_known
from tests.integration.cli.test_bots import Shell
from tests.kits.api import Api, token_for
from tests.kits.console import ALL_PAGES, Visitor, visitor
from tests.kits.platform import Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@pytest.fixture
async def operator(platform: Platform, instance: str) -> AsyncIterator[Visitor]:
    """Log in as an operator of everything."""
    async with visitor(instance) as someone:
        await someone.log_in(await link_to(platform, instance))
        yield someone


@pytest.fixture
async def second(platform: Platform, lounge: Lounge) -> Bot:
    """Host a second bot, whose owner is to be the stranger."""
    bot = lounge.sim.add_bot(username="second_bot", first_name="Second")
    await platform.host(bot)
    return bot


async def owning(lounge: Lounge, someone: Visitor) -> None:
    """Have the stranger write /console to the first bot, and open the link."""
    chat = lounge.sim.private_chat(lounge.stranger, lounge.bot)
    lounge.sim.private(lounge.stranger, lounge.bot, "/console")
    await lounge.until_said("/console/login?token=", chat)
    said = next(text for text in lounge.said(chat) if "token=" in text)
    await someone.log_in("x=" + said.rpartition("token=")[2].split()[0].partition("<")[0])


async def test_an_owner_is_given_a_bot_and_comes_in_by_the_chat(
    platform: Platform, instance: str, operator: Visitor, lounge: Lounge, second: Bot
) -> None:
    """They see that bot alone until it is taken from them: at once, with a session that is open."""
    await until_known(operator, lounge)
    await operator.get(f"bots/{second.id}")
    await operator.post(f"bots/{second.id}/owners", user=str(lounge.stranger.id))
    assert operator.headers["location"].endswith("done=owner")
    await operator.post(f"bots/{second.id}/owners", user=str(lounge.stranger.id))
    assert operator.headers["location"].endswith("done=already")
    assert str(lounge.stranger.id) in await operator.get(f"bots/{second.id}")

    async with visitor(instance) as owner:
        await owning(lounge, owner)
        bots = await owner.get("bots")
        assert "second_bot" in bots
        assert "gate_bot" not in bots
        assert "Add a bot" not in bots
        await operator.get(f"bots/{second.id}")
        await operator.post(f"bots/{second.id}/owners", user=str(lounge.stranger.id), sure="remove")
        await owner.get("bots")
        assert owner.status == 303

    rows = await platform.fetch("SELECT action, source FROM audit_log WHERE action LIKE 'owner%' ORDER BY audit_id")
    assert [tuple(row) for row in rows] == [("owner_add", "console"), ("owner_remove", "console")]


async def test_an_owner_of_one_bot_reaches_no_other(
    platform: Platform, instance: str, operator: Visitor, lounge: Lounge, second: Bot
) -> None:
    """Neither pages nor forms nor what concerns the whole deployment; and nothing of the other bot is told."""
    lounge.group.title = "Hidden room"
    path = await until_known(operator, lounge)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await operator.get(f"bots/{second.id}")
    await operator.post(f"bots/{second.id}/owners", user=str(lounge.stranger.id))
    before = await platform.fetch("SELECT count(*) FROM audit_log")
    bot = f"bots/{lounge.bot.id}"

    async with visitor(instance) as owner:
        await owning(lounge, owner)
        for page in (*ALL_PAGES, "groups?search=Hidden", "channels?search=News"):
            text = await owner.get(page)
            assert "Hidden room" not in text, page
            assert str(lounge.group.id) not in text, page
        filtered = (f"groups?bot={lounge.bot.id}", f"audit?bot={lounge.bot.id}")
        for page in (path, f"{path}/rights", bot, f"{bot}/webhook", *filtered):
            await owner.get(page)
            assert owner.status in {403, 404}, page
        await owner.get("")
        acts = (
            *(f"{path}/{act}" for act in ("pause", "resume", "recheck", "warm", "send", "policy")),
            *(f"{bot}/{act}" for act in ("enable", "disable", "rotate-secret", "rotate-token", "remove", "owners")),
            # Not even for their own bot: whoever gave it would not know any more whose it is.
            f"bots/{second.id}/owners",
            "bots",
            "letters/drop",
        )
        for act in acts:
            await owner.post(
                act,
                text="hi",
                token=second.token,
                enforcement="observe",
                user=str(lounge.stranger.id),
                sure="yes",
                name=f"update/{lounge.bot.id}/1",
                bot=str(second.id),
            )
            assert owner.status in {403, 404}, act

    assert await platform.fetch("SELECT count(*) FROM audit_log") == before
    assert lounge.muted(lounge.stranger)


@pytest.mark.parametrize("user", ["", "0", "-5", "x", "9" * 30, "1 OR 1=1"])
async def test_who_is_nobody_becomes_no_owner(operator: Visitor, lounge: Lounge, user: str) -> None:
    """The field is named."""
    text = await operator.post(f"bots/{lounge.bot.id}/owners", user=user)

    assert operator.status == 400
    assert "user" in text or "Telegram id" in text
    assert "Traceback" not in text


async def test_owners_by_the_api(platform: Platform, instance: str, second: Bot) -> None:
    """A token of one bot names no owners, not even of that bot."""
    async with aiohttp.ClientSession() as session:
        api = Api(session, instance, await token_for(platform, Scope.ADMIN))
        own = api.as_(await token_for(platform, Scope.ADMIN, second.id))
        path = "/bots/second_bot/owners"

        assert (await api.post(path, {"user": 77})).json == {"changed": True}
        assert (await api.post(path, {"user": 77})).json == {"changed": False}
        assert (await own.get(path)).items == [{"user": 77}]
        assert (await own.post(path, {"user": 78})).status == 403
        assert (await own.call("DELETE", f"{path}/77")).status == 403
        assert (await own.post("/bots/gate_bot/owners", {"user": 78})).status == 404
        assert (await api.post(path, {"user": 0})).refusal[::2] == (400, "user")
        assert (await api.post(path, {})).refusal == (400, "user is missing", "user")
        assert (await api.call("DELETE", f"{path}/77")).json == {"changed": True}
        assert (await api.call("DELETE", f"{path}/x")).status == 404


async def test_owners_at_the_shell(platform: Platform, lounge: Lounge, second: Bot) -> None:
    """Added, listed and removed; the audit says that it was the shell."""
    gmbot = Shell(platform)
    added = await gmbot("bots", "owner", "add", "second_bot", "77")
    listed = await gmbot("bots", "owner", "list", "second_bot", "--json")
    removed = await gmbot("bots", "owner", "remove", "second_bot", "77")
    nobody = await gmbot("bots", "owner", "list", "second_bot")
    wrong = await gmbot("bots", "owner", "add", "no_bot", "77")

    assert (added.status, added.out) == (0, "77 owns second_bot.\n")
    assert json.loads(listed.out) == [77]
    assert removed.out == "second_bot is no longer theirs.\n"
    assert nobody.out.startswith("Nobody's")
    assert wrong.status == 1
    assert "there is no bot 'no_bot'" in wrong.err
    rows = await platform.fetch("SELECT source FROM audit_log WHERE action LIKE 'owner%'")
    assert {row["source"] for row in rows} == {"cli"}
    assert lounge.bot.id != second.id
