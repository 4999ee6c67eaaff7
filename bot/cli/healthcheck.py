"""`gmbot healthcheck`: for containers, which have no curl."""

import http.client
from typing import Annotated

import typer

from bot.core.settings import Settings
from bot.domain.errors import SettingsError

_TIMEOUT_SECONDS = 5


def healthcheck(
    *,
    path: Annotated[str, typer.Option(help="What to ask: /livez, /readyz or /health.")] = "/readyz",
) -> None:
    """Exit 0 when the instance on PORT answers that it is well, 1 otherwise."""
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        typer.echo(f"gmbot healthcheck: {error}", err=True)
        raise typer.Exit(1) from error
    try:
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=_TIMEOUT_SECONDS)
        connection.request("GET", path)
        answer = connection.getresponse()
        typer.echo(answer.read().decode(errors="replace").strip())
    except (OSError, http.client.HTTPException) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        where = f"{settings.host}, port {settings.port}"
        typer.echo(f"gmbot healthcheck: no instance answers on {where}: {reason}; is HOST and PORT its own?", err=True)
        raise typer.Exit(1) from error
    if answer.status != http.HTTPStatus.OK:
        raise typer.Exit(1)
