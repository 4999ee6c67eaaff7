"""Structured logs: JSON for machines, colour for people, and never a token in either."""

import logging
import re
import sys
from collections.abc import Sequence
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# A bot token, wherever it stands: in a URL of an error text, too, where the word "bot" comes right before it.
_TOKEN = re.compile(r"(?<!\d)\d{5,16}:[A-Za-z0-9_-]{30,}")


# A password in an address, as database URLs have them.
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Blot out tokens and passwords in every text of the event."""
    return {key: blotted(value) for key, value in event.items()}


def blotted(value: object) -> object:
    """Return a value with tokens and passwords blotted out, in texts at any depth."""
    if isinstance(value, str):
        return _PASSWORD.sub("***", _TOKEN.sub("***", value))
    if isinstance(value, dict):
        return {blotted(key): blotted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [blotted(each) for each in value]
    return value


def current_level() -> str:
    """Return what is logged now."""
    return logging.getLevelName(logging.getLogger().getEffectiveLevel()).lower()


def set_level(level: str) -> None:
    """Log this and what is graver from now on."""
    logging.getLogger().setLevel(level.upper())


def configure_logging(*, level: str, form: Literal["json", "console"], watch: Sequence[Processor] = ()) -> None:
    """Set up structlog, and send the standard library's loggers the same way.

    `watch` sees each event before exceptions are made into text.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *watch,
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # The libraries below tell at INFO what the application tells better, and one of them would tell the token.
    for noisy in ("httpx", "httpcore", "telegram", "aiohttp", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
