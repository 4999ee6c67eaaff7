"""`gmbot demo`: started again and again, and where a real deployment is set up, too."""

import aiohttp
import pytest
import typer
from typer.testing import CliRunner

from bot.cli.demo import demo
from tests.browser.demo import demo_home, running_demo_in
from tests.kits.platform import eventually


def test_a_deployments_own_servers_are_refused() -> None:
    """What is played never meets a real deployment's data: with its servers named, nothing starts."""
    app = typer.Typer()
    app.command()(demo)
    environment = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ENCRYPTION_KEY": "a key that only the tests know",
        "GMBOT_HOME": "/nowhere",
    }

    result = CliRunner().invoke(app, ["--port", "0", "--no-open"], env=environment)

    assert result.exit_code == 1
    assert "unset DATABASE_URL and REDIS_URL" in result.output


@pytest.mark.processes
@pytest.mark.slow
async def test_every_start_is_a_fresh_one() -> None:
    """The database remembers the updates of the last world; the bot answers in the next one all the same."""
    with demo_home() as home:
        for _ in range(2):
            async with running_demo_in(home) as page, aiohttp.ClientSession(page) as session:
                await _ask_for_help(session)


async def _ask_for_help(session: aiohttp.ClientSession) -> None:
    async with session.get("/control/state") as answer:
        state = await answer.json()
    adam = next(user["id"] for user in state["users"] if user["name"] == "Adam")
    lounge = next(chat["key"] for chat in state["chats"] if chat["title"] == "GM Lounge")
    act = {"action": "say", "user": adam, "chat": lounge, "text": "/help"}
    async with session.post("/control/act", json=act) as answer:
        assert answer.ok

    async def answered() -> bool:
        async with session.get("/control/state", params={"viewer": adam}) as shown:
            chats = (await shown.json())["chats"]
        messages = next(chat["messages"] for chat in chats if chat["key"] == lounge)
        return any("/unprotect" in (message["text"] or "") for message in messages)

    await eventually(answered, "the bot answers /help", within=60)
