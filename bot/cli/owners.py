"""`gmbot bots owner`: people who see and run one bot, and no other."""

from typing import Annotated

import typer

from bot.app import Administration
from bot.cli.administering import administer
from bot.cli.operating import AT_THE_SHELL, print_json
from bot.domain.operator import Operator, Rank

_Bot = Annotated[str, typer.Argument(metavar="BOT", help="A name, a username or an id.")]
_User = Annotated[int, typer.Argument(metavar="USER", help="Their Telegram id; a bot tells it to who writes /console.")]

_SHELL = Operator(AT_THE_SHELL, Rank.OWNER)


def build_owner() -> typer.Typer:
    """Put the commands about owners together."""
    owner = typer.Typer(
        help="Give a bot to people, who then see and run it in the console, and no other bot.", no_args_is_help=True
    )
    for name, command in (("add", add), ("list", list_owners), ("remove", remove)):
        owner.command(name)(command)
    return owner


def add(bot: _Bot, user: _User) -> None:
    """Let somebody see and run a bot: they write /console to any bot of this deployment, in private."""

    async def work(admin: Administration) -> str:
        found = await admin.hosting.find(bot)
        is_new = await admin.owners.add(_SHELL, found.bot_id, user)
        return f"{user} {'owns' if is_new else 'owned already'} {found.name}."

    typer.echo(administer("bots owner add", work))


def list_owners(bot: _Bot, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List whose a bot is, besides the operators of the whole deployment."""

    async def work(admin: Administration) -> list[int]:
        found = await admin.hosting.find(bot)
        return list(await admin.owners.owners(_SHELL, found.bot_id))

    owners = administer("bots owner list", work)
    if as_json:
        print_json(owners)
    elif not owners:
        typer.echo("Nobody's: only the operators of OPERATOR_IDS run it.")
    for owner in owners if not as_json else ():
        typer.echo(owner)


def remove(bot: _Bot, user: _User) -> None:
    """Take a bot from somebody, from their next request on."""

    async def work(admin: Administration) -> str:
        found = await admin.hosting.find(bot)
        was_theirs = await admin.owners.remove(_SHELL, found.bot_id, user)
        return f"{found.name} is {'no longer theirs' if was_theirs else 'not theirs'}."

    typer.echo(administer("bots owner remove", work))
