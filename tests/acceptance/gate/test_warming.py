"""Members are verified in advance beside running instances, at the pace that is set, and nobody waits for it."""

import asyncio
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import cast

import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner

from bot.cli import build_cli
from bot.core.repositories.warming import Bookmarks
from bot.domain.ids import BotId, GroupId
from bot.domain.warming import Bookmark, WarmupStats
from bot.simulator import Call, Fault, Hold, User
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    exit_code: int | None
    output: str
    errors: str

    @property
    def stats(self) -> WarmupStats:
        """What it printed as JSON."""
        assert self.output, self.errors
        return cast("WarmupStats", json.loads(self.output))


async def warm(platform: Platform, *arguments: str, bulk: int = 200) -> Result:
    """Run the command, as an operator would beside the running instance."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "warm", *arguments),
        env={**os.environ, **platform.environment(0, RATE_LIMIT_BULK=str(bulk))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await command.communicate()
    return Result(command.returncode, output.decode(), errors.decode())


async def crowd(lounge: Lounge, platform: Platform, size: int) -> list[User]:
    """Have a crowd in channel and group that was seen lately, and of whom no instance knows anything."""
    users = [lounge.sim.add_user(f"Member {number}") for number in range(size)]
    for user in users:
        lounge.sim.join(user, lounge.news)
        lounge.sim.join(user, lounge.group)
    await lounge.sim.settled(20)
    await lounge.protect(lounge.news)
    await platform.fetch(
        "INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at)"
        " SELECT $1, $2, unnest($3::bigint[]), now()",
        lounge.bot.id,
        lounge.group.id,
        [user.id for user in users],
    )
    return users


def questions(lounge: Lounge) -> list[Call]:
    """Return the questions about people in the channel. The bot asks about itself, too, now and then."""
    asked = [call for call in lounge.calls("getChatMember") if call.params["chat_id"] == lounge.news.id]
    return [call for call in asked if call.params["user_id"] != lounge.bot.id]


@pytest.mark.usefixtures("instance")
async def test_who_was_verified_in_advance_costs_no_question(lounge: Lounge, platform: Platform) -> None:
    """One question each, none at the second time, and none when they speak; who is muted is left out."""
    users = await crowd(lounge, platform, 30)
    lounge.sim.leave(users[0], lounge.news)
    await lounge.until_muted(users[0])
    await platform.at_rest()
    await platform.fetch("DELETE FROM group_members_seen WHERE user_id = $1", users[1].id)
    before = len(questions(lounge))
    first = await warm(platform, "--group", str(lounge.group.id), "--json")
    asked = questions(lounge)[before:]
    second = await warm(platform, "--all")
    for user in users[2:]:
        lounge.sim.say(user, lounge.group, "hello")
    await lounge.sim.settled(20)

    assert first.exit_code == 0
    assert (first.stats["total_users"], first.stats["verified"], first.stats["not_verified"]) == (28, 28, 0)
    assert len({call.params["user_id"] for call in asked}) == len(asked) == 28
    assert second.exit_code == 0
    assert "28 users: 28 verified, 0 not verified, 0 errors" in second.output
    assert len(questions(lounge)) - before == len(asked)


@pytest.mark.usefixtures("instance")
async def test_a_press_does_not_wait_for_the_warmer(lounge: Lounge, platform: Platform) -> None:
    """Two warmers share one budget of ten a second, and a member who joins and presses is free at once."""
    await crowd(lounge, platform, 70)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "the prompt is there")
    lounge.sim.faults.add(Fault(kind="delay", method="getChatMember", seconds=0.05, times=None))
    before = len(questions(lounge))
    async with asyncio.TaskGroup() as tasks:
        warmers = [tasks.create_task(warm(platform, "--all", "--json", bulk=10)) for _ in range(2)]
        await eventually(lambda: len(questions(lounge)) > before + 5, "the warmers are at it")
        prompt = lounge.prompts(lounge.stranger)[0]
        # The bot does not hear of this join: the press has to ask.
        lounge.sim.faults.hold(Hold(kind="chat_member", chat=lounge.news.id))
        lounge.sim.join(lounge.stranger, lounge.news)
        pressed = time.monotonic()
        lounge.sim.press(lounge.stranger, lounge.group, prompt.id, "v")
        await lounge.until_free(lounge.stranger)
        waited = time.monotonic() - pressed
        still_running = not any(warmer.done() for warmer in warmers)
        lounge.sim.faults.release()
    starts = sorted(call.at for call in questions(lounge)[before:] if call.params["user_id"] != lounge.stranger.id)
    busiest = max(sum(1 for other in starts if start <= other < start + 1) for start in starts)

    assert still_running
    # Whoever had to wait for the warmers would wait for all who are left: six seconds.
    assert waited < 4
    # Two budgets would make twenty; calls that were allowed in time may arrive together on a busy machine.
    assert busiest <= 15
    assert len(starts) <= 10 * (starts[-1] - starts[0] + 2)
    assert [warmer.result().exit_code for warmer in warmers] == [0, 0]


async def test_an_instance_takes_up_an_interrupted_round(lounge: Lounge, platform: Platform) -> None:
    """With a schedule, whoever becomes the leader finishes what another one left."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(platform.instance())
        await platform.webhook_is_set()
        await crowd(lounge, platform, 5)
    async with Redis.from_url(platform.redis_url) as redis:
        await Bookmarks(redis=redis).save(BotId(lounge.bot.id), 0, Bookmark(GroupId(lounge.group.id), None))
    before = len(questions(lounge))
    async with platform.instance(WARM_SCHEDULE="03:00", RATE_LIMIT_BULK="200"):
        await eventually(lambda: len(questions(lounge)) == before + 5, "everybody was asked about")


@pytest.mark.parametrize("arguments", [(), ("--group", "-1", "--all")])
def test_one_group_or_all(arguments: tuple[str, ...]) -> None:
    """Nothing is opened when the question is not clear."""
    result = CliRunner().invoke(build_cli(), ["warm", *arguments])

    assert result.exit_code == 2
    assert "say --group ID, or --all" in result.output


@pytest.mark.usefixtures("instance")
async def test_what_cannot_be_warmed_is_said(platform: Platform) -> None:
    """In one sentence, with a status that a script sees. Without Redis nobody would find what is verified."""
    away = replace(platform, redis_url="redis://127.0.0.1:1")
    results = await asyncio.gather(
        warm(platform, "--group", "-1"), warm(platform, "--all", "--bot", "7"), warm(away, "--all")
    )

    assert [result.exit_code for result in results] == [1, 1, 1]
    assert [result.errors.partition(":")[0] for result in results] == ["gmbot warm"] * 3
    assert "group -1 is not protected" in results[0].errors
    assert "there is no such bot" in results[1].errors


@pytest.mark.usefixtures("instance")
async def test_what_telegram_does_not_tell_is_an_error_and_the_command_fails(
    lounge: Lounge, platform: Platform
) -> None:
    """The bot was demoted in the channel: nobody is taken for absent."""
    await crowd(lounge, platform, 3)
    lounge.sim.faults.add(
        Fault(kind="error", method="getChatMember", code=400, description="Bad Request: chat not found", times=None)
    )
    result = await warm(platform, "--all", "--json")

    assert result.exit_code == 1
    assert (result.stats["errors"], result.stats["not_verified"]) == (3, 0)
