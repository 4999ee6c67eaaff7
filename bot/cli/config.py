"""`gmbot config`: the settings as GMBot reads them, without their secrets."""

from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr

from bot.cli.operating import execute, print_fields, print_json
from bot.core.settings import Settings


def build_config() -> typer.Typer:
    """Put the commands about settings together."""
    config = typer.Typer(help="Show or check the settings.", no_args_is_help=True)
    for command in (show, check):
        config.command()(command)
    return config


def show(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every setting as it counts; secrets are stars."""
    settings = execute("config show", _settings())
    shown = {name.upper(): _shown(getattr(settings, name)) for name in sorted(Settings.model_fields)}
    if as_json:
        print_json(shown)
    else:
        print_fields({name: "not set" if value is None else value for name, value in shown.items()})


def check() -> None:
    """Read the settings; exit 1 and name what is wrong with them."""
    execute("config check", _settings())
    typer.echo("The settings are read and fit together. `gmbot doctor` looks further.")


async def _settings() -> Settings:
    return Settings.from_env()


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return _without_password(value.get_secret_value())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _without_password(secret: str) -> str:
    """Show of a URL where it leads, and nothing that lets anybody in."""
    try:
        url = urlsplit(secret)
        host = url.hostname
    except ValueError:
        return "***"
    if not url.scheme or not host:
        return "***"
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://***@{host}{port}{url.path}"
