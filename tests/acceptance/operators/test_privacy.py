"""`gmbot privacy`, as a process beside a running instance."""

import json
from pathlib import Path

import pytest

from tests.acceptance.kit import finished, gated
from tests.integration.cli.test_bots import Shell
from tests.kits.platform import Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@pytest.mark.usefixtures("instance")
async def test_who_is_erased_is_freed_first(lounge: Lounge, platform: Platform, tmp_path: Path) -> None:
    """The instance lifts the mute, then nothing of theirs is left; what was known before could be read."""
    gmbot, file, number = Shell(platform), tmp_path / "export.json", str(lounge.stranger.id)
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)

    exported = await gmbot("privacy", "export", number, "--json", str(file))
    told = json.loads(file.read_text(encoding="utf-8"))
    erased = await gmbot("privacy", "erase", number, "--yes")
    after = await gmbot("privacy", "export", number)

    assert (exported.status, told["user"], [case["done"] for case in told["cases"]]) == (
        0,
        lounge.stranger.id,
        ["muted"],
    )
    assert {event["outcome"] for event in told["events"]} >= {"stopped", "muted"}
    assert file.stat().st_mode & 0o077 == 0
    assert (erased.status, erased.err) == (0, "")
    assert not lounge.muted(lounge.stranger)
    assert "Nothing is stored" in after.out


async def test_nobody_is_erased_while_no_instance_can_free_them(lounge: Lounge, platform: Platform) -> None:
    """Status 3 and a sentence; a question that is not answered with yes erases nothing either."""
    gmbot, number = Shell(platform), str(lounge.stranger.id)
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)

    held = await gmbot("privacy", "erase", number, "--yes", "--wait", "1")
    refused = await gmbot("privacy", "erase", number, "--abandon", typed="n\n")

    assert held.status == 3
    assert "only a running bot can do" in held.err
    assert refused.status == 1
    assert len(await platform.fetch("SELECT 1 FROM restrictions")) == 1


async def test_who_is_forgotten_is_not_written_by_what_was_noted_before(lounge: Lounge, platform: Platform) -> None:
    """What an instance has seen it writes every two seconds, and all of it before it stops."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        lounge.sim.say(lounge.member, lounge.group, "hello")
        await finished(lounge, platform)
        lounge.sim.private(lounge.member, lounge.bot, "/forget_me")
        await lounge.until_said("is erased", lounge.sim.private_chat(lounge.member, lounge.bot))

    assert await platform.fetch("SELECT 1 FROM group_members_seen") == []
    assert await platform.fetch("SELECT 1 FROM verification_events") == []
