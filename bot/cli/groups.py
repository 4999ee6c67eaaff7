"""`gmbot groups`: the groups this deployment protects."""

from typing import Annotated

import typer

from bot.app import administration
from bot.cli.operating import execute, fail, print_fields, print_json, print_table
from bot.core.settings import Settings
from bot.domain.group import ProtectedGroup

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_MOST = 200


def build_groups() -> typer.Typer:
    """Put the commands about groups together."""
    groups = typer.Typer(
        help="List and show groups. `gmbot doctor --group ID` asks Telegram for the bot's rights there.",
        no_args_is_help=True,
    )
    groups.command("list")(list_groups)
    # The ids of groups are negative, and no option begins with a digit.
    groups.command(context_settings={"ignore_unknown_options": True})(show)
    return groups


def list_groups(
    *,
    bot: Annotated[
        str | None, typer.Option("--bot", metavar="BOT", help="Only this bot's: name, username, id.")
    ] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Only those that are paused.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Those that were protected once, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = _MOST,
    as_json: _Json = False,
) -> None:
    """List the protected groups."""
    found = [
        group
        for group in execute("groups list", _groups(bot))
        if (every or group.protected) and (not paused or group.paused_reason)
    ]
    if as_json:
        print_json([_fields(group) for group in found[:limit]])
        return
    if not found:
        typer.echo("No group is paused." if paused else "No group is protected yet: write /protect @channel in one.")
        return
    rows = [(group.group_id, group.title, _state(group), _channels(group)) for group in found[:limit]]
    print_table(("Id", "Title", "State", "Channels"), rows, right=("Id",))
    if len(found) > limit:
        typer.echo(f"... and {len(found) - limit} more; --limit {len(found)} lists them all.")


def show(group: Annotated[int, typer.Argument(metavar="ID")], *, as_json: _Json = False) -> None:
    """Show one group."""
    found = [each for each in execute("groups show", _groups(None)) if group in {each.group_id, *each.former_ids}]
    if not found:
        fail("groups show", f"there is no group {group}; `gmbot groups list --all` lists them")
    for each in found:
        if as_json:
            print_json(_fields(each))
        else:
            print_fields({**_fields(each), "channels": _channels(each)})


async def _groups(bot: str | None) -> list[ProtectedGroup]:
    async with administration(Settings.from_env()) as admin:
        wanted = None if bot is None else (await admin.hosting.find(bot)).bot_id
        _, groups = await admin.groups.changed_since(-1)
        return [group for group in groups if wanted in {None, group.bot_id}]


def _state(group: ProtectedGroup) -> str:
    if not group.protected:
        return "not protected"
    return f"paused: {group.paused_reason}" if group.paused_reason else "protected"


def _channels(group: ProtectedGroup) -> str:
    return ", ".join(f"@{channel.username}" if channel.username else channel.title for channel in group.channels)


def _fields(group: ProtectedGroup) -> dict[str, object]:
    return {
        "group": group.group_id,
        "bot": group.bot_id,
        "title": group.title,
        "state": _state(group),
        "enforcement": group.enforcement.value,
        "on_unknown": group.on_unknown.value,
        "language": group.language,
        "configured_by": group.configured_by,
        "channels": [
            {"channel": channel.channel_id, "title": channel.title, "link": channel.join_url}
            for channel in group.channels
        ],
    }
