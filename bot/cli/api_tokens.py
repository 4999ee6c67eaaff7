"""`gmbot api-tokens`: who may use the HTTP API."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bot.app import Administration
from bot.cli.administering import administer
from bot.cli.operating import print_json, print_table
from bot.domain.api import ApiToken, Scope
from bot.domain.secret import Secret

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, dashes and underscores.")]


def build_api_tokens() -> typer.Typer:
    """Put the commands about tokens together."""
    tokens = typer.Typer(
        help="Make, list and revoke tokens of the HTTP API.\n\nExit status: 0 done, 1 not done and why, 2 wrong usage.",
        no_args_is_help=True,
    )
    tokens.command()(create)
    tokens.command("list")(list_tokens)
    tokens.command()(revoke)
    return tokens


def create(
    name: _Name,
    *,
    scope: Annotated[
        Scope,
        typer.Option(help="read looks; operate acts on groups, too; admin adds, stops and removes bots, too."),
    ] = Scope.READ,
    bot: Annotated[
        list[str] | None,
        typer.Option("--bot", metavar="BOT", help="Only for this bot: name, username or id. May be given repeatedly."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="How long; by default until revoked.")] = None,
    as_json: _Json = False,
) -> None:
    """Make a token, and print it this once: only its digest is kept."""

    async def work(admin: Administration) -> tuple[ApiToken, Secret]:
        only = [(await admin.hosting.find(each)).bot_id for each in bot or ()]
        return await admin.api.create(name, scope, bots=frozenset(only) if only else None, days=days)

    made, token = administer("api-tokens create", work)
    if as_json:
        print_json({**_fields(made), "token": token.reveal()})
        return
    typer.echo(token.reveal())
    typer.echo(f"This is the token {made.name!r}, scope {made.scope.value}. It is not shown again.", err=True)


def list_tokens(*, as_json: _Json = False) -> None:
    """List the tokens: what they open, and when they were used last."""

    async def work(admin: Administration) -> Sequence[ApiToken]:
        return await admin.api.tokens()

    found = administer("api-tokens list", work)
    if as_json:
        print_json([_fields(each) for each in found])
        return
    if not found:
        typer.echo("There is no token yet: `gmbot api-tokens create NAME` makes one.")
        return
    rows = [
        (each.name, each.scope.value, _bots(each), _moment(each.used_at, "never"), _moment(each.expires_at, "never"))
        for each in found
    ]
    print_table(("Name", "Scope", "Bots", "Used", "Expires"), rows)


def revoke(name: _Name) -> None:
    """Let a token open nothing any more, from this moment on."""

    async def work(admin: Administration) -> None:
        await admin.api.revoke(name)

    administer("api-tokens revoke", work)
    typer.echo(f"The token {name!r} is revoked.")


def _bots(token: ApiToken) -> str:
    return "all" if token.bots is None else ", ".join(map(str, sorted(token.bots)))


def _moment(at: object, never: str) -> str:
    return never if at is None else f"{at:%Y-%m-%d %H:%M}"


def _fields(token: ApiToken) -> dict[str, object]:
    return {
        "name": token.name,
        "actor": token.operator.actor.user_id,
        "scope": token.scope.value,
        "bots": None if token.bots is None else sorted(token.bots),
        "created_at": token.created_at.isoformat(timespec="seconds"),
        "expires_at": token.expires_at.isoformat(timespec="seconds") if token.expires_at else None,
        "used_at": token.used_at.isoformat(timespec="seconds") if token.used_at else None,
    }
