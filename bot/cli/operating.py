"""What operators' commands have in common: how they run, fail, ask for secrets and print."""

import asyncio
import json
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from bot.domain.errors import (
    BotError,
    SettingsError,
    StillHeldError,
    TelegramRefusedError,
    TelegramUnavailableError,
    TokenRefusedError,
)
from bot.domain.ids import UserId
from bot.domain.operator import Actor, Source
from bot.domain.secret import Secret

Result = TypeVar("Result")

NOT_DONE = 1
STILL_HELD = 3

AT_THE_SHELL = Actor(UserId(0), Source.CLI)
"""Who is named in the audit: whoever may run commands beside the deployment's secrets."""


def execute(command: str, work: Coroutine[object, object, Result]) -> Result:
    """Run a command's work; what keeps it from being done is one sentence and an exit status."""
    try:
        return asyncio.run(work)
    except StillHeldError as error:
        fail(command, str(error), STILL_HELD)
    except BotError as error:
        fail(command, explained(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def explained(error: BotError) -> str:
    """Put an error in words that tell an operator what to do."""
    if isinstance(error, TokenRefusedError) or (isinstance(error, TelegramRefusedError) and error.method == "getMe"):
        return "Telegram does not know this token; copy it again from @BotFather, or make a new one there with /revoke"
    if isinstance(error, TelegramUnavailableError):
        return f"Telegram does not answer ({error.description}); check the network and TELEGRAM_API_URL"
    return str(error)


def fail(command: str, reason: str, status: int = NOT_DONE) -> NoReturn:
    """End the command with a sentence."""
    typer.echo(f"gmbot {command}: {reason}", err=True)
    raise typer.Exit(status)


def print_json(value: object) -> None:
    """Print for scripts."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print for people: columns that fit the terminal, figures to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one thing, a line for each of its fields."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        typer.echo(f"{name:<{width}}  {value}")


def ask_for_token(path: Path | None) -> Secret:
    """Read a token from a file, a pipe or the keyboard; never from an argument, which others can see."""
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    elif sys.stdin.isatty():
        text = typer.prompt("The bot's token", hide_input=True)
    else:
        text = sys.stdin.readline()
    return Secret(text.strip())
