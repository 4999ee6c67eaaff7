"""`gmbot console-link`: the way into the console for whoever may run commands beside the deployment's secrets."""

from typing import Annotated

import typer

from bot.app import administration
from bot.app.web import access_for
from bot.cli.operating import execute
from bot.core.settings import Settings
from bot.domain.ids import UserId
from bot.domain.operator import Rank, Source


def console_link(
    *,
    operator: Annotated[
        int, typer.Option("--operator", metavar="ID", min=0, help="Whose changes they are, in the audit log.")
    ] = 0,
    role: Annotated[Rank, typer.Option(help="What whoever opens it may do.")] = Rank.OWNER,
) -> None:
    """Print a link into the web console. It works once, within five minutes."""
    typer.echo(execute("console-link", _link(UserId(operator), role)))


async def _link(operator: UserId, role: Rank) -> str:
    async with administration(Settings.from_env()) as admin:
        access = access_for(admin.settings, admin.redis, admin.database, admin.clock)
        return await access.link(operator, role, Source.CLI)
