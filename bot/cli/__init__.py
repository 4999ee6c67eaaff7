"""The operators' commands: `gmbot <command>`."""

from importlib.metadata import version
from typing import Annotated

import typer

from bot.cli.api_tokens import build_api_tokens
from bot.cli.backup import build_backup
from bot.cli.bots import build_bots
from bot.cli.config import build_config
from bot.cli.console_link import console_link
from bot.cli.demo import demo
from bot.cli.doctor import doctor
from bot.cli.events import events
from bot.cli.groups import build_groups
from bot.cli.healthcheck import healthcheck
from bot.cli.keys import build_keys
from bot.cli.letters import build_letters
from bot.cli.migrate import migrate
from bot.cli.privacy import build_privacy
from bot.cli.serve import serve
from bot.cli.simulate import simulate
from bot.cli.twin import build_twin
from bot.cli.warm import warm
from bot.cli.webhook import build_webhook
from bot.core.telemetry.logging import configure_logging


def _print_release(wanted: bool) -> None:  # noqa: FBT001 - typer hands the option's value over
    if wanted:
        typer.echo(f"gmbot {version('gmbot')}")
        raise typer.Exit


def _begin(
    *,
    _: Annotated[
        bool, typer.Option("--version", help="Print the release and exit.", is_eager=True, callback=_print_release)
    ] = False,
) -> None:
    # What a command prints is its answer, JSON perhaps: what happens on the way is told on the other stream.
    configure_logging(level="warning", form="console")


def build_cli() -> typer.Typer:
    """Put the commands together."""
    cli = typer.Typer(
        name="gmbot",
        help="Only members of the required channels speak in a protected Telegram group.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        callback=_begin,
    )
    for runs in (serve, demo, simulate, healthcheck):
        cli.command(rich_help_panel="Run")(runs)
    for looks in (doctor, events, console_link, warm):
        cli.command(rich_help_panel="Look after it")(looks)
    cli.command(rich_help_panel="Data")(migrate)
    for name, group, panel in (
        ("groups", build_groups(), "Look after it"),
        ("letters", build_letters(), "Look after it"),
        ("bots", build_bots(), "Set it up"),
        ("webhook", build_webhook(), "Set it up"),
        ("config", build_config(), "Set it up"),
        ("keys", build_keys(), "Set it up"),
        ("api-tokens", build_api_tokens(), "Set it up"),
        ("backup", build_backup(), "Data"),
        ("privacy", build_privacy(), "Data"),
        ("twin", build_twin(), "Data"),
    ):
        cli.add_typer(group, name=name, rich_help_panel=panel)
    return cli
