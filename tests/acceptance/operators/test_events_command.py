"""What was decided about whom, and why: `gmbot events`."""

import asyncio
import json
import os
import sys

import pytest

from tests.kits.platform import Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.usefixtures("instance")]


async def events(platform: Platform, *arguments: str) -> str:
    """Run the command, as an operator would beside the running instance."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "events", *arguments),
        env={**os.environ, **platform.environment(0)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await command.communicate()
    assert command.returncode == 0, errors.decode()
    return output.decode()


async def test_a_decision_is_explained(lounge: Lounge, platform: Platform) -> None:
    """Why a stranger was muted, and by what they were freed; for the group, for the user, and by the page."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await platform.at_rest()
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await platform.at_rest()

    group, user = str(lounge.group.id), str(lounge.stranger.id)
    shown, whole, page, counted, audit = await asyncio.gather(
        events(platform, "--group", group),
        events(platform, "--user", user, "--json"),
        events(platform, "--user", user, "--json", "--limit", "2"),
        events(platform, "--group", group, "--count", "1"),
        events(platform, "--group", group, "--audit"),
    )
    told = json.loads(whole)
    rest = await events(platform, "--user", user, "--json", "--before", json.loads(page)["next"])

    assert [(event["kind"], event["reason"]) for event in reversed(told["events"])] == [
        ("stopped", "message"),
        ("muted", "message"),
        ("lifted", "joined_channel"),
        ("freed", "joined_channel"),
    ]
    assert [event["channels"] for event in told["events"][1:]] == [[lounge.news.id]] * 3
    assert [case["outcome"] for case in told["cases"]] == ["freed"]
    assert told["next"] is None
    assert json.loads(page)["events"] + json.loads(rest)["events"] == told["events"]
    assert f"muted  because of message  channels {lounge.news.id}" in shown
    assert "freed: 1, 1 people" in counted
    assert f"by {lounge.owner.id}  protect" in audit
