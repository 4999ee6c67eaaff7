"""The operators' commands: `gmbot <command>`."""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

from bot.core.telemetry.logging import configure_logging

# In the order of the help, under its headings. Each is in the module of its name: as the function of that name, or as
# `build_` and that name where it has commands of its own.
_COMMANDS = (
    ("Run", ("serve", "demo", "simulate", "healthcheck")),
    ("Look after it", ("doctor", "events", "console-link", "warm", "groups", "letters")),
    ("Data", ("migrate", "backup", "privacy", "twin")),
    ("Set it up", ("bots", "webhook", "config", "keys", "api-tokens")),
)


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


def build_cli(asked: str | None = None) -> typer.Typer:
    """Put the commands together: the one that is asked for, or all where there is no such command.

    To load all of them takes a second, which a healthcheck every few seconds would cost its machine each time.
    """
    cli = typer.Typer(
        name="gmbot",
        help="Only members of the required channels speak in a protected Telegram group.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        callback=_begin,
    )
    known = any(asked in names for _, names in _COMMANDS)
    for panel, names in _COMMANDS:
        for name in names:
            if name == asked or not known:
                _add(cli, name, panel)
    return cli


def _add(cli: typer.Typer, name: str, panel: str) -> None:
    code_name = name.replace("-", "_")
    module = import_module(f"bot.cli.{code_name}")
    if build := getattr(module, f"build_{code_name}", None):
        cli.add_typer(build(), name=name, rich_help_panel=panel)
    else:
        cli.command(rich_help_panel=panel)(getattr(module, code_name))
