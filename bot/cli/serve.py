"""`gmbot serve`: one instance."""

from enum import Enum
from typing import Annotated

import structlog
import typer

from bot.app import Mode, running
from bot.cli.running import listen, run, serving, until_stopped
from bot.core.logging import configure_logging
from bot.core.settings import Settings
from bot.domain.errors import SettingsError

log = structlog.stdlib.get_logger()


class UpdateMode(Enum):
    """How updates come in."""

    WEBHOOK = "webhook"
    POLLING = "polling"


def serve(
    *,
    mode: Annotated[UpdateMode | None, typer.Option(help="Default: webhook if WEBHOOK_URL is set.")] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Polling may remove a webhook that is set for the bot.")
    ] = False,
) -> None:
    """Run one instance until SIGTERM."""
    run("serve", _serve(mode, take_over=take_over))


async def _serve(mode: UpdateMode | None, *, take_over: bool) -> None:
    settings = Settings.from_env()
    configure_logging(level=settings.log_level, form=settings.log_format)
    mode = mode or (UpdateMode.WEBHOOK if settings.webhook_url else UpdateMode.POLLING)
    if mode is UpdateMode.WEBHOOK and settings.webhook_url is None:
        raise SettingsError("WEBHOOK_URL must be set for --mode webhook: it is where Telegram delivers to")
    listener = listen(settings)
    host, port = listener.getsockname()[:2]
    chosen = Mode(polling=mode is UpdateMode.POLLING, take_over=take_over)
    async with running(settings, chosen) as site, serving(site, listener):
        log.info("instance.started", host=host, port=port, mode=mode.value)
        await until_stopped()
        log.info("instance.stopping")
    log.info("instance.stopped")
