"""`gmbot doctor`, `webhook`, `groups` and `config`, as an operator runs them."""

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from bot.simulator import Simulator
from tests.integration.cli.test_bots import Outcome, Shell, gmbot
from tests.kits.platform import Lounge, Platform, eventually

__all__ = ["gmbot"]

pytestmark = [pytest.mark.servers, pytest.mark.processes]


def findings(outcome: Outcome) -> dict[tuple[str, str], str]:
    """Return what was found: by check and level, the last text."""
    return {(each["check"], each["level"]): each["what"] for each in json.loads(outcome.out)}


async def test_a_whole_installation_is_well(gmbot: Shell, lounge: Lounge, platform: Platform) -> None:
    """With an instance running by webhook and a group with all rights."""
    async with platform.instance() as url:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        outcome = await gmbot("doctor", "--json", "--all-groups", WEBHOOK_URL=url)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            counted = await answer.text()

    found = findings(outcome)
    # The round trip is a message like any other: it is no fault in anybody's figures, and nothing is stored of it.
    assert 'gmbot_updates_total{kind="message",result="unprotected"} 1.0' in counted
    assert "malformed" not in counted
    assert not await platform.fetch("SELECT 1 FROM updates_done WHERE update_id = 0")
    assert "open to everybody" in found["OBS-1", "warning"]
    assert outcome.status == 0, outcome.out + outcome.err
    # On a busy machine PostgreSQL may be found slow, which is no more than a warning.
    assert "DB-1" in {number for number, _ in found}
    assert {number for number, level in found if level == "ok"} >= {
        "DB-2",
        "RD-1",
        "NET-1",
        "TG-1",
        "WH-4",
        "WH-5",
        "GRP-1",
    }
    assert {level for _, level in found} <= {"ok", "note", "warning"}
    assert lounge.bot.token not in outcome.out


async def test_what_is_wrong_is_named_with_its_remedy(gmbot: Shell, lounge: Lounge, platform: Platform) -> None:
    """A lost right, a webhook that is somebody else's, and an address nobody answers at."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
    lounge.sim.promote(lounge.group, lounge.bot, can_restrict_members=True)
    outcome = await gmbot("doctor", "--group", str(lounge.group.id), WEBHOOK_URL="http://127.0.0.1:9")

    text = " ".join(outcome.out.replace("\n", " ").split())
    assert outcome.status == 2
    assert "the bot may not delete messages" in text
    assert "gmbot webhook set" in text
    assert "does not answer from here" in text
    assert max(map(len, outcome.out.splitlines())) <= 80


async def test_what_is_left_out_and_what_is_good_to_know_are_notes(
    gmbot: Shell, lounge: Lounge, platform: Platform
) -> None:
    """Groups that were not asked about are counted, and privacy mode is no fault."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
    private = findings(await gmbot("doctor", "--only", "groups,tg-1", "--json"))
    lounge.bot.reads_all_messages = True
    open_ = findings(await gmbot("doctor", "--only", "tg-1", "--json"))

    assert private["GRP-2", "note"].startswith("1 protected groups were not looked at")
    assert "privacy mode on" in private["TG-1", "note"]
    assert list(open_) == [("TG-1", "ok")]


@pytest.mark.parametrize(
    ("kind", "enforcement", "given", "level", "what"),
    [
        ("supergroup", "mute", "", "failure", "the bot may not ban users and delete messages"),
        ("basic group", "mute", "can_delete_messages", "note", "is a basic group"),
        ("supergroup", "delete", "can_delete_messages", "ok", "is guarded"),
        ("supergroup", "delete", "can_restrict_members", "failure", "the bot may not delete messages"),
        ("supergroup", "observe", "", "ok", "is guarded"),
    ],
)
async def test_a_group_is_judged_by_what_it_enforces(
    gmbot: Shell,
    lounge: Lounge,
    platform: Platform,
    kind: str,
    enforcement: str,
    given: str,
    level: str,
    what: str,
) -> None:
    """No right is asked for that nothing is done with, and only a basic group is called one."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
    await platform.fetch(
        "UPDATE protected_groups SET basic_group = $1, policy = jsonb_build_object('enforcement', $2::text)",
        kind == "basic group",
        enforcement,
    )
    lounge.sim.promote(
        lounge.group,
        lounge.bot,
        can_invite_users=True,
        can_restrict_members=given == "can_restrict_members",
        can_delete_messages=given == "can_delete_messages",
    )
    outcome = await gmbot("doctor", "--only", "grp-1", "--group", str(lounge.group.id), "--json")

    found = findings(outcome)
    assert list(found) == [("GRP-1", level)], outcome.out
    assert what in found["GRP-1", level]


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_right_to_invite_is_missed_only_where_it_is_used(
    gmbot: Shell, lounge: Lounge, platform: Platform, *, wanted: bool
) -> None:
    """To answer requests to join the group, and to hear of requests to join a channel; the gate stands without it."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
    if wanted:
        await platform.fetch(
            """UPDATE protected_groups SET policy = '{"join_requests": "approve", "pending_minutes": 60}'"""
        )
    lounge.sim.promote(lounge.group, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    lounge.sim.promote(lounge.news, lounge.bot, can_post_messages=True)
    outcome = await gmbot("doctor", "--only", "grp-1", "--group", str(lounge.group.id), "--json")

    found = json.loads(outcome.out)
    assert outcome.status == 0
    if wanted:
        assert [each["level"] for each in found] == ["warning", "warning"]
        assert "requests to join go unanswered" in found[0]["what"]
        assert "'News' the bot may not invite users" in found[1]["what"]
    else:
        assert [each["level"] for each in found] == ["ok"]


async def test_the_doctor_puts_a_webhook_right(gmbot: Shell, lounge: Lounge, platform: Platform) -> None:
    """And says what it did."""
    async with platform.instance() as url:
        await platform.webhook_is_set()
        # Telegram takes one webhook a second.
        await asyncio.sleep(1.1)
        elsewhere = await gmbot("webhook", "set", WEBHOOK_URL="http://127.0.0.1:9")
        await asyncio.sleep(1.1)
        outcome = await gmbot("doctor", "--only", "wh-5", "--fix", "--json", WEBHOOK_URL=url)
        info = await gmbot("webhook", "info", "--json", WEBHOOK_URL=url)

        assert "http://127.0.0.1:9/telegram/" in elsewhere.out
        assert json.loads(outcome.out)[0]["repaired"] == "the webhook is set"
        assert json.loads(info.out)[0]["url"] == f"{url}/telegram/{lounge.bot.id}"


async def test_slips_are_found_before_the_first_start(gmbot: Shell, platform: Platform, tmp_path: Path) -> None:
    """A token that Telegram refuses, one that is none, and a setting that is almost one."""
    del platform
    file = tmp_path / "token"
    file.write_text("77:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw")
    refused = findings(await gmbot("doctor", "--json", BOT_TOKEN_FILE=str(file), SENTRY_DNS="x"))
    file.write_text("77:x")
    none = findings(await gmbot("doctor", "--json", BOT_TOKEN_FILE=str(file)))

    assert refused["TG-1", "failure"] == "bot 77: Telegram refuses the token"
    assert refused["CFG-1", "warning"] == "SENTRY_DNS is not a setting, and SENTRY_DSN is not set"
    assert none["TG-1", "failure"].startswith("BOT_TOKEN: a bot's token looks like")


async def test_a_database_that_is_away_is_the_finding(gmbot: Shell) -> None:
    """Not a traceback; what needs no database is told all the same."""
    outcome = await gmbot("doctor", "--json", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    found = findings(outcome)
    assert outcome.status == 2
    assert ("DB-1", "failure") in found
    assert ("CFG-1", "ok") in found
    assert "Traceback" not in outcome.err


async def test_a_webhook_is_deleted_only_when_it_is_asked_for(gmbot: Shell, sim: Simulator, platform: Platform) -> None:
    """Polling never does; this command does."""
    await gmbot("bots", "add", typed=f"{platform.bot.token}\n")
    await gmbot("webhook", "set")
    deleted = await gmbot("webhook", "delete", "gate_bot")

    assert deleted.status == 0, deleted.err
    assert "@gate_bot" in deleted.out
    await eventually(lambda: bool(sim.calls_of("deleteWebhook")), "it is deleted")


async def test_groups_are_listed(gmbot: Shell, lounge: Lounge, platform: Platform) -> None:
    """With their channels and state."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news, lounge.insiders)
    listed = await gmbot("groups", "list")
    shown = await gmbot("groups", "show", str(lounge.group.id), "--json")
    none = await gmbot("groups", "show", "77")

    assert "Lounge" in listed.out
    assert json.loads(shown.out)["state"] == "protected"
    assert [channel["title"] for channel in json.loads(shown.out)["channels"]] == ["News", "Insiders"]
    assert none.status == 1


async def test_the_settings_are_shown_without_their_secrets(gmbot: Shell, tmp_path: Path) -> None:
    """Where a URL leads is told, and nothing that lets anybody in."""
    secret = tmp_path / "secret"
    secret.write_text("a-webhook-secret-of-length")
    secret.chmod(0o644)
    outcome = await gmbot("config", "show", WEBHOOK_SECRET_FILE=str(secret))
    doctor = await gmbot("doctor", "--only", "cfg-2", "--json", WEBHOOK_SECRET_FILE=str(secret))

    assert outcome.status == 0
    assert "a-webhook-secret" not in outcome.out
    assert gmbot.platform.environment(1)["ENCRYPTION_KEY"] not in outcome.out
    assert "postgresql://***@127.0.0.1" in outcome.out
    assert ("CFG-2", "warning") in findings(doctor)


async def test_a_port_in_use_is_told_by_serve(gmbot: Shell, platform: Platform) -> None:
    """In one sentence that names the setting."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        outcome = await gmbot("serve", PORT=str(other.getsockname()[1]), BOT_TOKEN=platform.bot.token)

    assert outcome.status == 1
    assert "choose another PORT" in outcome.err
