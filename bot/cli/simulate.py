"""`gmbot simulate`: the simulator alone."""

from typing import Annotated

import typer

from bot.cli.running import run, until_stopped
from bot.simulator import Simulator, demo_world


def simulate(
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 8081,
) -> None:
    """Run a Bot API server with a world of chats behind it, and the page to play in it."""
    run("simulate", _simulate(host, port))


async def _simulate(host: str, port: int) -> None:
    simulator = Simulator()
    world = demo_world(simulator)
    async with simulator.serving(host=host, port=port):
        typer.echo(f"Chat page  {simulator.url}/")
        typer.echo(f"Bot API    TELEGRAM_API_URL={simulator.url} BOT_TOKEN={world.bot.token}")
        await until_stopped()
