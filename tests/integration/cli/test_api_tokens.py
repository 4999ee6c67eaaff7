"""`gmbot api-tokens`, as processes beside a database."""

import hashlib
import json

import pytest

from tests.integration.cli.test_bots import Shell
from tests.kits.platform import Platform

pytestmark = [pytest.mark.servers, pytest.mark.processes]


async def test_a_token_is_made_listed_and_revoked(platform: Platform) -> None:
    """It is printed alone, this once, kept as a digest, and is gone after it is revoked."""
    gmbot = Shell(platform)
    await gmbot("bots", "add", "--name", "gate", typed=f"{platform.bot.token}\n")
    made = await gmbot("api-tokens", "create", "nightly", "--scope", "operate", "--bot", "gate", "--days", "3")
    token = made.out.strip()
    listed = json.loads((await gmbot("api-tokens", "list", "--json")).out)
    table = await gmbot("api-tokens", "list")
    rows = await platform.fetch("SELECT digest FROM api_tokens")
    revoked = await gmbot("api-tokens", "revoke", "nightly")

    assert (made.status, token[:6], len(token)) == (0, "gmbot_", 49)
    assert [(each["name"], each["scope"], each["bots"]) for each in listed] == [
        ("nightly", "operate", [platform.bot.id])
    ]
    assert [row["digest"] for row in rows] == [hashlib.sha256(token.encode()).digest()]
    assert token not in table.out
    assert "nightly" in table.out
    assert (revoked.status, await platform.fetch("SELECT 1 FROM api_tokens")) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (("create", "with space"), 1, "letters, digits, dashes and underscores"),
        (("create", "x", "--bot", "nobody"), 1, "there is no bot 'nobody'"),
        (("create", "x", "--scope", "all"), 2, "'operate', 'admin'"),
        (("revoke", "x"), 1, "there is no token 'x'"),
    ],
)
async def test_what_cannot_be_done_is_said(
    platform: Platform, arguments: tuple[str, ...], status: int, part: str
) -> None:
    """In a sentence, with a status."""
    outcome = await Shell(platform)("api-tokens", *arguments)

    assert (outcome.status, part in outcome.err) == (status, True), outcome.err
