"""The operators' commands: `gmbot <command>`."""

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


def _log_beside_the_output() -> None:
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
        callback=_log_beside_the_output,
    )
    for command in (serve, demo, simulate, migrate, events, healthcheck, warm, doctor, console_link):
        cli.command()(command)
    cli.add_typer(build_bots(), name="bots")
    cli.add_typer(build_api_tokens(), name="api-tokens")
    cli.add_typer(build_groups(), name="groups")
    cli.add_typer(build_webhook(), name="webhook")
    cli.add_typer(build_config(), name="config")
    cli.add_typer(build_keys(), name="keys")
    cli.add_typer(build_letters(), name="letters")
    cli.add_typer(build_privacy(), name="privacy")
    cli.add_typer(build_backup(), name="backup")
    cli.add_typer(build_twin(), name="twin")
    return cli
