"""`gmbot demo`: the bot and the simulator together, to play with. No token, no account, no network."""

import secrets
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from bot.app import Mode, running
from bot.cli.running import listen, run, serving, until_stopped
from bot.core.postgres.migrations import BASE, downgrade
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.core.telemetry.logging import configure_logging
from bot.domain.errors import SettingsError
from bot.simulator import Simulator, demo_world
from bot.simulator.worlds import DEMO_TOKEN


def demo(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The chat page's port; 0 takes any free one.")] = 8081,
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Run GMBot against the simulator, with a ready-made world and a page to play every part in it."""
    run("demo", _demo(port, open_page=open_page))


async def _demo(port: int, *, open_page: bool) -> None:
    environment = Settings.from_env()
    if environment.gmbot_home is None or environment.database_url is not None:
        raise SettingsError(
            "unset DATABASE_URL and REDIS_URL: the demonstration keeps data of its own, apart from theirs"
        )
    configure_logging(level="warning" if environment.log_level == "info" else environment.log_level, form="console")
    # Another world each time, with other ids: Valkey may remember those of the last one for some minutes.
    simulator = Simulator(seed=secrets.randbits(32))
    world = demo_world(simulator, token=DEMO_TOKEN)
    async with simulator.serving(port=port):
        listener = listen(environment.model_copy(update={"port": environment.port}))
        address, bot_port = listener.getsockname()[:2]
        settings = environment.model_copy(
            update={
                "bot_token": SecretStr(world.bot.token),
                "telegram_api_url": simulator.url,
                "webhook_url": f"http://{address}:{bot_port}",
                # Whoever plays Adam or Olivia may write /console to the bot.
                "operator_ids": [world.adam.id, world.olivia.id],
                # A home of its own: what is played here must never meet a real deployment's data.
                "gmbot_home": environment.gmbot_home / "demo",
            }
        )
        typer.echo("Starting PostgreSQL, Valkey and the bot ...")
        await _forget_the_last_world(settings)
        async with running(settings, Mode(polling=False)) as site, serving(site, listener):
            typer.echo(f"\n  Chat page    {simulator.url}/\n  Console      {await site.pages.link()}")
            typer.echo(
                "               works once, for 5 minutes; later be Adam and write /console to the bot in private"
            )
            typer.echo(f"  Bot health   http://{address}:{bot_port}/health\n")
            typer.echo("  Be Adam and write /protect @gm_news in GM Lounge; then be Sam and say hello.")
            reached = f"GMBOT_HOME={settings.gmbot_home} TELEGRAM_API_URL={simulator.url}"
            typer.echo(f"  In another shell: {reached} {Path(sys.executable).parent}/gmbot doctor")
            typer.echo("  Ctrl-C stops everything.")
            if open_page:
                webbrowser.open(f"{simulator.url}/")
            await until_stopped()
            typer.echo("\nStopping ...")


async def _forget_the_last_world(settings: Settings) -> None:
    """Empty the demonstration's own database: its bot and groups are gone with the simulator they lived in."""
    async with open_stores(settings) as stores:
        await downgrade(stores.database_url, to=BASE)
