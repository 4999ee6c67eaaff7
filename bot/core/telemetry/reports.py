"""Errors and slow updates told to Sentry, without anything that identifies a person or opens a door.

Without SENTRY_DSN nothing of its library is imported: it would lengthen each start, and stay in memory.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from structlog.typing import EventDict, WrappedLogger

from bot.core.telemetry.logging import blotted
from bot.domain.errors import SettingsError

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_SERIOUS = frozenset({"error", "critical", "exception"})
# People and their chats are nobody's business there. A bot is: it is the operator's own.
_LEFT_OUT = frozenset({"user", "group", "chat", "user_id", "chat_id", "group_id", "text", "name"})
_FLUSH_SECONDS = 2.0


def scrub(event: "Event", _: "Hint") -> "Event":
    """Blot out tokens and passwords wherever they stand in what is sent."""
    scrubbed = blotted(event)
    if not isinstance(scrubbed, dict):
        return event
    for part in ("request", "user", "server_name"):
        scrubbed.pop(part, None)
    return scrubbed  # type: ignore[return-value]  # the same event with other texts


@contextmanager
def reporting(dsn: str | None, *, environment: str, release: str, sampled: float) -> Iterator[bool]:
    """Send errors, and this share of updates with their times, for the time of the block. Raises SettingsError."""
    if dsn is None:
        yield False
        return
    import sentry_sdk  # noqa: PLC0415 - imported by those who want it
    from sentry_sdk.utils import BadDsn, Dsn  # noqa: PLC0415 - as above

    try:
        Dsn(dsn)
    except BadDsn as error:
        raise SettingsError("SENTRY_DSN does not look like one") from error
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=f"gmbot@{release}",
        traces_sample_rate=sampled,
        # A frame's variables hold messages, tokens and names.
        include_local_variables=False,
        max_request_body_size="never",
        default_integrations=False,
        before_send=scrub,
        before_send_transaction=scrub,
    )
    try:
        yield True
    finally:
        sentry_sdk.flush(timeout=_FLUSH_SECONDS)
        sentry_sdk.get_client().close(timeout=_FLUSH_SECONDS)


@contextmanager
def measured(name: str) -> Iterator[None]:
    """Measure what is done inside, where a share of it is sent."""
    sentry = _sentry()
    if sentry is None:
        yield
        return
    with sentry.start_transaction(op="update", name=name):
        yield


def report(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Tell Sentry of what is logged as an error; a processor of the log, before exceptions are made into text."""
    if method in _SERIOUS and (sentry := _sentry()):
        with sentry.new_scope() as scope:
            scope.set_context("log", _fields(event))
            scope.fingerprint = [str(event.get("event")), _kind(event)]
            error = _error(event)
            if error is not None:
                scope.set_tag("event", str(event.get("event")))
                sentry.capture_exception(error)
            else:
                sentry.capture_message(str(event.get("event")), level="error")
    return event


def _sentry() -> ModuleType | None:
    """Return the library if it is in use."""
    library = sys.modules.get("sentry_sdk")
    in_use = getattr(library, "is_initialized", bool)
    return library if in_use() else None


def _error(event: Mapping[str, object]) -> BaseException | None:
    info = event.get("exc_info")
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple) and len(info) > 1 and isinstance(info[1], BaseException):
        return info[1]
    return sys.exc_info()[1] if info is True else None


def _kind(event: Mapping[str, object]) -> str:
    error = _error(event)
    return "" if error is None else type(error).__name__


def _fields(event: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value
        for name, value in event.items()
        if name not in _LEFT_OUT | {"event", "exc_info"} and isinstance(value, str | int | float | bool)
    }
