"""`gmbot simulate`: the simulator alone."""

import secrets
from typing import Annotated

import typer

from bot.cli.running import run, until_stopped
from bot.simulator import Simulator, demo_world
from bot.simulator.worlds import DEMO_TOKEN


def simulate(
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8081,
) -> None:
    """Run a Bot API server with a world of chats behind it, and the page to play in it."""
    run("simulate", _simulate(host, port))


async def _simulate(host: str, port: int) -> None:
    # Another world each time: an instance's database remembers the updates and groups of the last one.
    simulator = Simulator(seed=secrets.randbits(32))
    world = demo_world(simulator, token=DEMO_TOKEN)
    async with simulator.serving(host=host, port=port):
        typer.echo(f"Chat page  {simulator.url}/")
        typer.echo(f"Bot API    TELEGRAM_API_URL={simulator.url} BOT_TOKEN={world.bot.token}")
        await until_stopped()
