"""Fill an empty database with rows: `python -m scripts.seed_database postgresql://... [--large]`."""

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bot.core.postgres.migrations import upgrade
from bot.domain.errors import BotError
from bot.utils.optimizer.rows import COLUMNS
from bot.utils.optimizer.scale import LARGE, SMALL, TINY
from bot.utils.optimizer.seeding import seed


def main(
    database_url: Annotated[str, typer.Argument(help="An empty database of your own.")],
    *,
    tiny: Annotated[bool, typer.Option("--tiny", help="2,000 groups, 40,000 cases, 60,000 events.")] = False,
    large: Annotated[bool, typer.Option("--large", help="100,000 groups, 1,000,000 cases, 10,000,000 events.")] = False,
) -> None:
    """Migrate the database and copy rows into it: 10,000 groups, 100,000 cases and 500,000 events."""
    scale = TINY if tiny else LARGE if large else SMALL
    columns = (TextColumn("{task.description:24}"), BarColumn(), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns) as bars:
        tasks: dict[str, TaskID] = {}

        def show(table: str, rows: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table, total=None)
            bars.update(tasks[table], completed=rows)

        async def work() -> None:
            await upgrade(database_url)
            await seed(database_url, scale, progress=show)

        try:
            asyncio.run(work())
        except BotError as error:
            typer.echo(f"seed_database: {error}", err=True)
            raise typer.Exit(1) from error
    typer.echo(f"{len(COLUMNS)} tables are filled.")


if __name__ == "__main__":
    typer.run(main)
