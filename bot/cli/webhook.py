"""`gmbot webhook`: what Telegram delivers where."""

from typing import Annotated

import typer

from bot.app import Administration, administration
from bot.app.examination import set_webhook
from bot.cli.operating import execute, print_fields, print_json
from bot.core.settings import Settings
from bot.domain.errors import SettingsError
from bot.domain.hosting import HostedBot

_Bots = Annotated[
    list[str] | None, typer.Argument(metavar="[BOT]...", help="Names, usernames or ids; without any, all bots.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def build_webhook() -> typer.Typer:
    """Put the commands about webhooks together."""
    webhook = typer.Typer(
        help="Show, set or delete the webhooks. An instance that runs by webhook sets them by itself.\n\n"
        "Exit status: 0 done, 1 not done and why, 2 wrong usage.",
        no_args_is_help=True,
    )
    webhook.command("set")(set_webhooks)
    for command in (info, delete):
        webhook.command()(command)
    return webhook


def info(bots: _Bots = None, *, as_json: _Json = False) -> None:
    """Show what Telegram says about the webhooks: address, waiting updates, last error."""
    found = execute("webhook info", _info(bots or []))
    if as_json:
        print_json(found)
        return
    for number, fields in enumerate(found):
        if number:
            typer.echo("")
        print_fields(fields)


def set_webhooks(bots: _Bots = None) -> None:
    """Tell Telegram to deliver to WEBHOOK_URL; what waits in its queues stays there."""
    for url in execute("webhook set", _set(bots or [])):
        typer.echo(f"Telegram delivers to {url}")


def delete(bots: _Bots = None) -> None:
    """Have Telegram deliver nothing; updates wait there for a day, for polling or another webhook."""
    for name in execute("webhook delete", _delete(bots or [])):
        typer.echo(f"{name} has no webhook any more.")


async def _info(references: list[str]) -> list[dict[str, object]]:
    async with administration(Settings.from_env()) as admin:
        return [
            {"bot": bot.bot_id, "username": bot.username, **await admin.telegram.for_presses.webhook(bot.bot_id)}
            for bot in await _chosen(admin, references)
        ]


async def _set(references: list[str]) -> list[str]:
    settings = Settings.from_env()
    if settings.webhook_url is None:
        raise SettingsError("WEBHOOK_URL must be set: it is where Telegram delivers to")
    async with administration(settings) as admin:
        return [await set_webhook(admin, settings.webhook_url, bot) for bot in await _chosen(admin, references)]


async def _delete(references: list[str]) -> list[str]:
    async with administration(Settings.from_env()) as admin:
        bots = await _chosen(admin, references)
        for bot in bots:
            await admin.telegram.for_presses.delete_webhook(bot.bot_id)
        return [f"@{bot.username}" if bot.username else str(bot.bot_id) for bot in bots]


async def _chosen(admin: Administration, references: list[str]) -> list[HostedBot]:
    wanted = {(await admin.hosting.find(reference)).bot_id for reference in references}
    return [bot for bot in await admin.hosted() if bot.token is not None and (not wanted or bot.bot_id in wanted)]
