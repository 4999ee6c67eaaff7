"""How a command works on a deployment: its stores are opened for it, and closed."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.app import Administration, administration
from bot.cli.operating import execute
from bot.core.settings import Settings

Result = TypeVar("Result")


def administer(command: str, work: Callable[[Administration], Awaitable[Result]]) -> Result:
    """Run a command's work on the deployment that the settings name."""

    async def opened() -> Result:
        async with administration(Settings.from_env()) as admin:
            return await work(admin)

    return execute(command, opened())
