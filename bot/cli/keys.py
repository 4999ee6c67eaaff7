"""`gmbot keys`: the key that seals tokens and webhook secrets."""

import typer

from bot.app import administration
from bot.cli.operating import execute
from bot.core.crypto import new_key
from bot.core.settings import Settings
from bot.core.stores import exchange_own_key
from bot.domain.errors import SettingsError


def build_keys() -> typer.Typer:
    """Put the commands about the key together."""
    keys = typer.Typer(help="Make a new encryption key, and seal everything with it.", no_args_is_help=True)
    for command in (new, rotate):
        keys.command()(command)
    return keys


def new() -> None:
    """Print a fresh ENCRYPTION_KEY; nothing is changed."""
    typer.echo(new_key())


def rotate() -> None:
    """Seal all tokens and secrets with the current key.

    With servers of your own, set ENCRYPTION_KEY to the new key and ENCRYPTION_KEY_FORMER to the one before.
    With embedded servers a new key is made in the home.
    """
    count, own = execute("keys rotate", _rotate(Settings.from_env()))
    typer.echo(f"Bots sealed with the new key: {count}. Webhook secrets are as they were.")
    if own:
        typer.echo("The key before is kept beside it as encryption.key.former. Restart the instances now.")
    else:
        typer.echo("Take ENCRYPTION_KEY_FORMER away at the next restart.")


async def _rotate(settings: Settings) -> tuple[int, bool]:
    home = settings.gmbot_home
    own = home is not None and settings.database_url is None and settings.encryption_key is None
    if not own and settings.encryption_key_former is None:
        raise SettingsError("set ENCRYPTION_KEY to the new key and ENCRYPTION_KEY_FORMER to the one before")
    if own and home is not None:
        # What an exchange before this one left undone comes first: the home keeps two keys, not three.
        async with administration(settings) as admin:
            await admin.bots.reseal()
        exchange_own_key(home)
    async with administration(settings) as admin:
        return await admin.bots.reseal(), own
