"""`gmbot bots`: the bots of this deployment. Running instances follow within two seconds."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from bot.cli.administering import administer
from bot.cli.operating import AT_THE_SHELL, ask_for_token, print_fields, print_json, print_table
from bot.cli.owners import build_owner
from bot.domain.hosting import BotSummary
from bot.services.hosting.bots import Hosting

Result = TypeVar("Result")

_Bot = Annotated[str, typer.Argument(metavar="BOT", help="A name, a username or an id.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="PATH", help="Read the token from this file instead of standard input."),
]
_Wait = Annotated[
    float, typer.Option("--wait", min=1, metavar="SECONDS", help="For how long people may be freed before.")
]


def build_bots() -> typer.Typer:
    """Put the commands about bots together."""
    bots = typer.Typer(
        help="Add, list, stop, rotate and remove the bots of this deployment.\n\n"
        "Exit status: 0 done, 1 not done and why, 2 wrong usage, 3 people are still held by the bot.",
        no_args_is_help=True,
    )
    named = (
        ("add", add),
        ("list", list_bots),
        ("show", show),
        ("enable", enable),
        ("disable", disable),
        ("rotate-secret", rotate_secret),
        ("rotate-token", rotate_token),
        ("remove", remove),
    )
    for name, command in named:
        bots.command(name)(command)
    bots.add_typer(build_owner(), name="owner")
    return bots


def add(
    *,
    name: Annotated[str | None, typer.Option(help="What operators call it; by default its username.")] = None,
    token_file: _TokenFile = None,
    as_json: _Json = False,
) -> None:
    """Host another bot.

    The token comes from the prompt, a pipe or a file, and Telegram is asked whose it is.
    """

    async def work(hosting: Hosting) -> BotSummary:
        return await hosting.add(ask_for_token(token_file), name=name, by=AT_THE_SHELL)

    bot = _run("bots add", work)
    if as_json:
        print_json(_fields(bot))
        return
    typer.echo(f"@{bot.username} ({bot.bot_id}) is hosted; running instances serve it within two seconds.")
    typer.echo(f"Add it to a group as an administrator, and write /protect there: https://t.me/{bot.username}")


def list_bots(*, as_json: _Json = False) -> None:
    """List the bots: how they are, what they guard, and how many people they hold muted."""

    async def work(hosting: Hosting) -> list[BotSummary]:
        return list(await hosting.bots())

    bots = _run("bots list", work)
    if as_json:
        print_json([_fields(bot) for bot in bots])
        return
    if not bots:
        typer.echo("There is no bot yet: `gmbot bots add` hosts one.")
        return
    rows = [(bot.name, bot.username, bot.bot_id, bot.state, bot.groups, bot.held) for bot in bots]
    print_table(("Name", "Username", "Id", "State", "Groups", "Muted"), rows, right=("Id", "Groups", "Muted"))


def show(bot: _Bot, *, as_json: _Json = False) -> None:
    """Show one bot."""

    async def work(hosting: Hosting) -> BotSummary:
        return await hosting.find(bot)

    found = _run("bots show", work)
    if as_json:
        print_json(_fields(found))
    else:
        print_fields(_fields(found))


def enable(bot: _Bot) -> None:
    """Serve a bot again; its groups are gated as before."""

    async def work(hosting: Hosting) -> BotSummary:
        found = await hosting.find(bot)
        await hosting.enable(found.bot_id, by=AT_THE_SHELL)
        return found

    typer.echo(f"{_run('bots enable', work).name} is enabled.")


def disable(
    bot: _Bot,
    *,
    wait: _Wait = 60,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Free nobody: whom the bot muted stays muted until it is enabled.")
    ] = False,
) -> None:
    """Free everybody a bot muted, and stop it."""

    async def work(hosting: Hosting) -> BotSummary:
        found = await hosting.find(bot)
        with _Freeing() as progress:
            await hosting.disable(found.bot_id, by=AT_THE_SHELL, wait=0 if at_once else wait, progress=progress)
        return await hosting.find(str(found.bot_id))

    found = _run("bots disable", work)
    typer.echo(f"{found.name} is disabled.")
    if found.held:
        typer.echo(f"{found.held} people stay muted; `gmbot bots enable {found.name}` lets the bot free them.")


def rotate_secret(bot: _Bot) -> None:
    """Give a bot's webhook another secret; nothing that Telegram sends is refused meanwhile."""

    async def work(hosting: Hosting) -> BotSummary:
        found = await hosting.find(bot)
        await hosting.rotate_secret(found.bot_id, by=AT_THE_SHELL)
        return found

    typer.echo(f"{_run('bots rotate-secret', work).name} has a new webhook secret; an instance tells Telegram.")


def rotate_token(bot: _Bot, *, token_file: _TokenFile = None) -> None:
    """Use another token of the same bot, after /revoke at @BotFather."""

    async def work(hosting: Hosting) -> BotSummary:
        found = await hosting.find(bot)
        await hosting.rotate_token(found.bot_id, ask_for_token(token_file), by=AT_THE_SHELL)
        return found

    typer.echo(f"{_run('bots rotate-token', work).name} has a new token; running instances use it within two seconds.")


def remove(
    bot: _Bot,
    *,
    wait: _Wait = 60,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Remove it although people are muted whom only it can free.")
    ] = False,
) -> None:
    """Free everybody a bot muted, and delete the bot, its groups and its ledger."""

    async def work(hosting: Hosting) -> BotSummary:
        found = await hosting.find(bot)
        if not yes:
            typer.confirm(f"Remove {found.name} with its {found.groups} protected groups?", abort=True)
        with _Freeing() as progress:
            await hosting.remove(found.bot_id, by=AT_THE_SHELL, wait=wait, progress=progress, abandon=abandon)
        return found

    typer.echo(f"{_run('bots remove', work).name} is removed.")


class _Freeing:
    """Tells how many people are still held, on one line of the terminal."""

    def __init__(self) -> None:
        self._status = Console(stderr=True).status("Freeing whom the bot muted ...")

    def __enter__(self) -> Callable[[int], None]:
        self._status.__enter__()
        return lambda held: self._status.update(f"Freeing whom the bot muted: {held} to go ...")

    def __exit__(self, *_: object) -> None:
        self._status.__exit__(None, None, None)


def _run(command: str, work: Callable[[Hosting], Awaitable[Result]]) -> Result:
    return administer(command, lambda admin: work(admin.hosting))


def _fields(bot: BotSummary) -> dict[str, object]:
    return {
        "bot": bot.bot_id,
        "name": bot.name,
        "username": bot.username,
        "state": bot.state,
        "groups": bot.groups,
        "muted": bot.held,
        "added_at": bot.added_at.isoformat(timespec="seconds"),
        "refused_since": bot.refused_at.isoformat(timespec="seconds") if bot.refused_at else None,
    }
