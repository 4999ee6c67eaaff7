"""What was given up comes back when an operator says so: `gmbot letters`."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import cast

import aiohttp
import pytest

from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.usefixtures("instance")]

REFUSE = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'sabotaged'; END $$",
    "CREATE TRIGGER refuse BEFORE INSERT ON restrictions FOR EACH ROW EXECUTE FUNCTION refuse()",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    exit_code: int | None
    output: str
    errors: str


async def letters(platform: Platform, *arguments: str) -> Result:
    """Run the command, as an operator would beside the running instance."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "letters", *arguments),
        env={**os.environ, **platform.environment(0)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await command.communicate()
    return Result(command.returncode, output.decode(), errors.decode())


async def listed(platform: Platform, *arguments: str) -> list[dict[str, object]]:
    """Return what `letters list --json` prints."""
    result = await letters(platform, "list", "--json", *arguments)
    assert result.exit_code == 0, result.errors
    return cast("list[dict[str, object]]", json.loads(result.output))


async def bury(lounge: Lounge, platform: Platform) -> str:
    """Have the stranger's message fail until it is given up; return its letter."""
    await lounge.protect(lounge.news)
    for statement in REFUSE:
        await platform.fetch(statement)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")

    async def buried() -> bool:
        return bool(await platform.fetch("SELECT 1 FROM dead_letters"))

    await eventually(buried, "a dead letter")
    (letter,) = await listed(platform)
    return str(letter["letter"])


async def kill_action(platform: Platform, lounge: Lounge, message: int) -> str:
    """Leave an action behind that failed ten times; return its letter."""
    (row,) = await platform.fetch(
        "INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, due_at, attempts, dead_at, last_error)"
        " VALUES ($1, 'delete_message', $2, $3, now(), 10, now(), 'away') RETURNING action_id",
        lounge.bot.id,
        lounge.group.id,
        message,
    )
    return f"action/{row['action_id']}"


async def test_a_letter_is_replayed_once_its_reason_is_gone(lounge: Lounge, platform: Platform) -> None:
    """The update has the effect it would have had, and the letter is gone."""
    letter = await bury(lounge, platform)
    (entry,) = await listed(platform)
    assert "sabotaged" in str(entry["error"])
    assert not lounge.muted(lounge.stranger)

    await platform.fetch("DROP TRIGGER refuse ON restrictions")
    result = await letters(platform, "replay", letter)

    assert result.output == "Letters that a running instance tries again: 1.\n"
    await lounge.until_muted(lounge.stranger)
    await platform.at_rest()
    assert await listed(platform) == []
    assert len(lounge.prompts(lounge.stranger)) == 1


async def test_a_letter_that_fails_again_comes_back(lounge: Lounge, platform: Platform) -> None:
    """It is neither lost nor tried for ever."""
    letter = await bury(lounge, platform)
    await letters(platform, "replay", "--all")

    async def buried_again() -> bool:
        rows = await platform.fetch(
            "SELECT 1 FROM dead_letters JOIN updates_done USING (bot_id, update_id)"
            " WHERE replay_at IS NULL AND state = 'dead'"
        )
        return bool(rows)

    await eventually(buried_again, "the letter is back")
    (entry,) = await listed(platform)
    assert (entry["letter"], entry["waiting"]) == (letter, False)


async def test_a_letter_shows_what_telegram_sent(lounge: Lounge, platform: Platform) -> None:
    """For whoever has to find out why it failed."""
    letter = await bury(lounge, platform)

    shown = json.loads((await letters(platform, "show", letter, "--json")).output)

    assert shown["body"]["message"]["text"] == "hello"
    assert shown["bot"] == lounge.bot.id


async def test_a_dropped_letter_is_gone(lounge: Lounge, platform: Platform) -> None:
    """And cannot be asked for again."""
    letter = await bury(lounge, platform)

    dropped, again = await letters(platform, "drop", letter), await letters(platform, "drop", letter)

    assert (dropped.exit_code, again.exit_code) == (0, 1)
    assert again.errors == f"gmbot letters: there is no letter {letter}\n"
    assert (await letters(platform, "list")).output == "There are no dead letters.\n"


async def test_a_dead_action_is_replayed(lounge: Lounge, platform: Platform) -> None:
    """It is due again, with ten attempts to come."""
    message = lounge.sim.say(lounge.stranger, lounge.group, "old")
    letter = await kill_action(platform, lounge, message.id)
    assert [entry["letter"] for entry in await listed(platform, "--bot", str(lounge.bot.id))] == [letter]
    assert await listed(platform, "--bot", "1") == []

    await letters(platform, "replay", letter)

    await eventually(
        lambda: message.id not in {each.id for each in lounge.sim.messages(lounge.group)}, "the message is deleted"
    )
    assert await listed(platform) == []


async def test_letters_are_counted(lounge: Lounge, platform: Platform, instance: str) -> None:
    """A gauge tells operators that somebody has to look."""
    await kill_action(platform, lounge, 1)

    async def shown() -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{instance}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return "gmbot_dead_actions 1.0" in lines and "gmbot_dead_letters 0.0" in lines

    await eventually(shown, "the gauge shows it")


async def test_a_name_that_is_none_is_refused(platform: Platform) -> None:
    """Before anything is touched."""
    for name in ("update/1", "action/x", "everything"):
        result = await letters(platform, "replay", name)
        assert result.exit_code == 2, result.errors
