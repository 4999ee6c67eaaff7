"""`gmbot serve`: one instance."""

import gc
import socket
from enum import Enum
from importlib.metadata import version
from typing import Annotated

import structlog
import typer

from bot.app import Mode, running
from bot.cli.running import listen, run, serving, until_stopped
from bot.core.settings import Settings
from bot.core.telemetry.logging import configure_logging
from bot.core.telemetry.reports import report, reporting
from bot.core.telemetry.traces import tracing
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
    configure_logging(level=settings.log_level, form=settings.log_format, watch=(report,))
    mode = mode or (UpdateMode.WEBHOOK if settings.webhook_url else UpdateMode.POLLING)
    if mode is UpdateMode.WEBHOOK and settings.webhook_url is None:
        raise SettingsError("WEBHOOK_URL must be set for --mode webhook: it is where Telegram delivers to")
    listener = listen(settings)
    chosen = Mode(polling=mode is UpdateMode.POLLING, take_over=take_over)
    dsn = settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None
    environment, release = settings.environment, version("gmbot")
    with (
        reporting(dsn, environment=environment, release=release, sampled=settings.sentry_traces_sample_rate),
        tracing(
            settings.otel_exporter_otlp_endpoint,
            environment=environment,
            release=release,
            sampled=settings.otel_traces_sample_rate,
        ),
    ):
        await _run(settings, chosen, listener)
    log.info("instance.stopped")


async def _run(settings: Settings, mode: Mode, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    async with running(settings, mode) as site, serving(site, listener):
        # What is loaded by now stays. To walk it time and again stops everything else for a while each time.
        gc.collect()
        gc.freeze()
        log.info("instance.started", host=host, port=port, polling=mode.polling, environment=settings.environment)
        await until_stopped()
        log.info("instance.stopping")
