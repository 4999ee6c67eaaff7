"""`gmbot warm`: verify members in advance, beside running instances."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.app.warming import Warming, warming
from bot.core.settings import Settings
from bot.core.telemetry.logging import configure_logging
from bot.domain.errors import BotError
from bot.domain.ids import BotId, GroupId
from bot.domain.warming import WarmupStats
from bot.services.membership.warmer import Watch


class _NothingToDoError(BotError):
    """What was asked for is not there."""


def warm(
    *,
    group: Annotated[int | None, typer.Option("--group", metavar="ID", help="Only this group.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All protected groups of all bots.")] = False,
    bot: Annotated[int | None, typer.Option("--bot", metavar="ID", help="Only this bot's groups.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Verify members seen in the last 7 days, so that their next messages cost no question.

    Asks at most RATE_LIMIT_BULK questions a second for each bot. Stopped and run again within the hour, it goes on.

    Exit status 1 when Telegram did not answer about somebody.
    """
    if (group is None) == (not every):
        raise typer.BadParameter("say --group ID, or --all")
    try:
        stats = asyncio.run(_warm(None if bot is None else BotId(bot), group, show=not as_json))
    except BotError as error:
        typer.echo(f"gmbot warm: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("gmbot warm: stopped; run it again to go on from here", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(stats))
    else:
        typer.echo(
            f"{stats['total_users']} users: {stats['verified']} verified, {stats['not_verified']} not verified,"
            f" {stats['errors']} errors, in {stats['duration_seconds']:.1f} s"
        )
    if stats["errors"]:
        raise typer.Exit(1)


async def _warm(bot: BotId | None, group: int | None, *, show: bool) -> WarmupStats:
    total = WarmupStats(total_users=0, verified=0, not_verified=0, errors=0, duration_seconds=0.0)
    settings = Settings.from_env()
    # What goes well is said by the bar and at the end.
    configure_logging(level="warning", form=settings.log_format)
    async with warming(settings) as opened:
        for each in _bots(opened, bot, group):
            with _bar(f"bot {each}", show=show) as watch:
                warmer = opened.warmers[each]
                if group is None:
                    stats = await warmer.all_groups(watch=watch)
                else:
                    stats = await warmer.group(GroupId(group), watch=watch)
            total = _sum(total, stats)
    return total


def _bots(opened: Warming, bot: BotId | None, group: int | None) -> list[BotId]:
    """Return the bots to work for: for one group the one that guards it."""
    bots = [each for each in opened.warmers if bot in (None, each)]
    if not bots:
        raise _NothingToDoError("there is no such bot" if bot is not None else "there is no bot")
    if group is None:
        return bots
    guards = [each for each in bots if any(known.group_id == group for known in opened.directory.gating(each))]
    if not guards:
        raise _NothingToDoError(f"group {group} is not protected at the moment")
    return guards


@contextmanager
def _bar(title: str, *, show: bool) -> Iterator[Watch]:
    """Show how far it has come, on standard error; without a terminal nothing is shown until the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not (show and console.is_terminal)) as progress:
        bar = progress.add_task(title, total=None)

        def watch(stats: WarmupStats, expected: int) -> None:
            progress.update(bar, completed=stats["total_users"], total=max(expected, stats["total_users"]))

        yield watch


def _sum(one: WarmupStats, other: WarmupStats) -> WarmupStats:
    return WarmupStats(
        total_users=one["total_users"] + other["total_users"],
        verified=one["verified"] + other["verified"],
        not_verified=one["not_verified"] + other["not_verified"],
        errors=one["errors"] + other["errors"],
        duration_seconds=one["duration_seconds"] + other["duration_seconds"],
    )
