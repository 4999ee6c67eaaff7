"""`gmbot bots` and `gmbot keys`, as processes against real servers and the simulator."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass

import pytest

from bot.core.crypto import Vault, new_key
from bot.simulator import Simulator
from tests.acceptance.kit import gated
from tests.kits.platform import ENCRYPTION_KEY, Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs commands beside a deployment."""

    platform: Platform

    async def __call__(self, *arguments: str, typed: str = "", **environment: str) -> Outcome:
        """Run `gmbot`, with something on its standard input."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "COVERAGE_PROCESS_START") if name in os.environ}
        given = {**kept, **self.platform.environment(8000), "COLUMNS": "80", "NO_COLOR": "1", **environment}
        given = {name: value for name, value in given.items() if value and name != "BOT_TOKEN"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *arguments,
            env=given,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(typed.encode())
        return Outcome(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def gmbot(platform: Platform) -> Shell:
    """Return a shell beside the deployment."""
    return Shell(platform)


async def test_a_bot_is_hosted_from_a_pipe_and_listed(gmbot: Shell, sim: Simulator) -> None:
    """Its token is asked of Telegram, sealed in the database, and printed nowhere."""
    token = gmbot.platform.bot.token
    added = await gmbot("bots", "add", "--name", "gate", typed=f"{token}\n")
    listed = await gmbot("bots", "list")
    as_json = await gmbot("bots", "list", "--json")

    assert (added.status, added.err) == (0, "")
    assert "@gate_bot" in added.out
    assert "gate" in listed.out
    assert [(bot["name"], bot["state"]) for bot in json.loads(as_json.out)] == [("gate", "running")]
    assert token not in added.out + listed.out + as_json.out
    rows = await gmbot.platform.fetch("SELECT token_encrypted FROM bots")
    assert Vault(ENCRYPTION_KEY).open(rows[0]["token_encrypted"]).reveal() == token
    assert sim.calls_of("getMe")


@pytest.mark.parametrize(
    ("arguments", "typed", "part"),
    [
        (("bots", "add"), "hello\n", "looks like 1234567890:AA"),
        (("bots", "add"), "7654321:SIMunknownunknownunknownunknown\n", "Telegram does not know this token"),
        (("bots", "show", "nobody"), "", "there is no bot 'nobody'"),
        (("bots", "add", "--token-file", "/nowhere"), "", "/nowhere cannot be read"),
        (("keys", "rotate"), "", "ENCRYPTION_KEY_FORMER"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    gmbot: Shell, arguments: tuple[str, ...], typed: str, part: str
) -> None:
    """With status 1, no traceback, and without what was typed."""
    outcome = await gmbot(*arguments, typed=typed)

    assert outcome.status == 1
    assert part in outcome.err
    assert "Traceback" not in outcome.err
    assert not typed or typed.strip() not in outcome.out + outcome.err


async def test_a_given_webhook_secret_is_not_exchanged(gmbot: Shell) -> None:
    """It counts for all bots, so another one of this bot's own would count nowhere."""
    await gmbot("bots", "add", typed=f"{gmbot.platform.bot.token}\n")
    given = "one-secret-that-counts-for-all"
    outcome = await gmbot("bots", "rotate-secret", "gate_bot", WEBHOOK_SECRET=given)

    assert outcome.status == 1
    assert "WEBHOOK_SECRET is set and counts for all bots" in outcome.err
    assert await gmbot.platform.fetch("SELECT 1 FROM audit_log WHERE action = 'bot_rotate_secret'") == []


async def test_a_bot_is_changed_stopped_and_removed_by_commands(gmbot: Shell, sim: Simulator) -> None:
    """Each says in a sentence what is done; another bot's token is refused, and nothing is removed without a yes."""
    bot = gmbot.platform.bot
    await gmbot("bots", "add", "--name", "gate", typed=f"{bot.token}\n")
    before = await _sealed(gmbot)
    disabled = await gmbot("bots", "disable", "gate")
    shown = await gmbot("bots", "show", "gate", "--json")
    enabled = await gmbot("bots", "enable", f"@{bot.username}")
    secret = await gmbot("bots", "rotate-secret", "gate")
    foreign = await gmbot("bots", "rotate-token", "gate", typed=f"{sim.add_bot(username='second_bot').token}\n")
    current = sim.revoke_token(bot)
    token = await gmbot("bots", "rotate-token", str(bot.id), typed=f"{current}\n")
    after = await _sealed(gmbot)
    kept = await gmbot("bots", "remove", "gate", typed="n\n")
    removed = await gmbot("bots", "remove", "gate", "--yes")

    done = (disabled, enabled, secret, token, removed)
    assert [(each.status, each.out.split(".")[0].split(";")[0]) for each in done] == [
        (0, "gate is disabled"),
        (0, "gate is enabled"),
        (0, "gate has a new webhook secret"),
        (0, "gate has a new token"),
        (0, "gate is removed"),
    ]
    assert json.loads(shown.out)["state"] == "disabled"
    assert (foreign.status, kept.status) == (1, 1)
    assert "another bot's" in foreign.err
    assert after[0] == current
    assert before[1] != after[1]
    assert await gmbot.platform.fetch("SELECT 1 FROM bots") == []


async def _sealed(gmbot: Shell) -> tuple[str, str]:
    """Return the token and the webhook's secret that are stored."""
    row = (await gmbot.platform.fetch("SELECT token_encrypted, secret_encrypted FROM bots"))[0]
    vault = Vault(ENCRYPTION_KEY)
    return vault.open(row["token_encrypted"]).reveal(), vault.open(row["secret_encrypted"]).reveal()


async def test_people_who_are_still_held_are_an_exit_status_of_their_own(gmbot: Shell, lounge: Lounge) -> None:
    """While no instance runs, nobody is freed: the bot is neither stopped nor removed but by who insists."""
    async with gmbot.platform.instance():
        await gmbot.platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, gmbot.platform, lounge.stranger)
    bot = str(lounge.bot.id)
    held = await gmbot("bots", "disable", bot, "--wait", "1")
    unmoved = await gmbot("bots", "show", bot, "--json")
    at_once = await gmbot("bots", "disable", bot, "--at-once")
    refused = await gmbot("bots", "remove", bot, "--yes")
    abandoned = await gmbot("bots", "remove", bot, "--yes", "--abandon")

    assert [each.status for each in (held, at_once, refused, abandoned)] == [3, 0, 3, 0]
    assert "1 people are still muted" in held.err
    assert [json.loads(unmoved.out)[name] for name in ("state", "muted")] == ["running", 1]
    assert "1 people stay muted; `gmbot bots enable" in at_once.out
    assert "nobody else can free them" in refused.err
    assert await gmbot.platform.fetch("SELECT 1 FROM bots") == []


async def test_a_bot_that_is_disabled_by_command_frees_everybody_first(gmbot: Shell, lounge: Lounge) -> None:
    """The command waits while a running instance does it."""
    async with gmbot.platform.instance():
        await gmbot.platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, gmbot.platform, lounge.stranger)
        disabled = await gmbot("bots", "disable", str(lounge.bot.id))

    assert disabled.status == 0
    assert disabled.out.endswith(" is disabled.\n")
    assert not lounge.muted(lounge.stranger)


async def test_the_key_is_exchanged(gmbot: Shell) -> None:
    """Afterwards the new key alone opens everything, and the webhook's secret is the same."""
    await gmbot("bots", "add", typed=f"{gmbot.platform.bot.token}\n")
    before = await gmbot.platform.fetch("SELECT secret_encrypted FROM bots")
    current = new_key()
    rotated = await gmbot("keys", "rotate", ENCRYPTION_KEY=current, ENCRYPTION_KEY_FORMER=ENCRYPTION_KEY)
    after = await gmbot.platform.fetch("SELECT token_encrypted, secret_encrypted FROM bots")

    assert rotated.status == 0, rotated.err
    assert Vault(current).open(after[0]["token_encrypted"]).reveal() == gmbot.platform.bot.token
    assert Vault(current).open(after[0]["secret_encrypted"]) == Vault(ENCRYPTION_KEY).open(
        before[0]["secret_encrypted"]
    )
