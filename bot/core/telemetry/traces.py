"""Traces by OpenTelemetry, if an operator wants them: a span for each update and each turn of a case.

Below it is one for each thing it waits for. Without OTEL_EXPORTER_OTLP_ENDPOINT nothing of OpenTelemetry is imported
here. Spans carry names of statements, scripts and methods, the bot, the update and the case: no text, no address, no
user and no chat, so no token or person can be in them.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from bot.domain.errors import SettingsError

# Whoever ends does not wait longer for a collector that is away; what it did not take is lost.
_PATIENCE_SECONDS = 2


@contextmanager
def tracing(endpoint: str | None, *, environment: str, release: str, sampled: float) -> Iterator[bool]:
    """Send spans to an OTLP collector for the time of the block. Raises SettingsError."""
    if endpoint is None:
        yield False
        return
    if urlsplit(endpoint).scheme not in {"http", "https"}:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https address, such as http://localhost:4318"
        )
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra, imported by those who want it
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415 - as above
    except ImportError as error:
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT needs the extra: pip install 'gmbot[otel]'") from error
    names = {"service.name": "gmbot", "service.version": release, "deployment.environment.name": environment}
    provider = TracerProvider(
        resource=Resource(names), sampler=ParentBased(TraceIdRatioBased(sampled)), shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_PATIENCE_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=_PATIENCE_SECONDS * 1000))
    trace.set_tracer_provider(provider)
    try:
        yield True
    finally:
        provider.shutdown()


@contextmanager
def update_span(kind: str, bot: int, update: int) -> Iterator[None]:
    """Trace an update beyond the gate."""
    with _root(f"update {kind}", {"gmbot.bot": bot, "gmbot.update": update}):
        yield


@contextmanager
def case_span(bot: int, case: int) -> Iterator[None]:
    """Trace a turn of the worker at a case: mutes, lifts and prompts."""
    with _root("case", {"gmbot.bot": bot, "gmbot.case": case}):
        yield


@contextmanager
def verification_span() -> Iterator[None]:
    """Trace a verification that memory does not answer, below what waits for it."""
    with step("gmbot", "verification"):
        yield


def step(system: str, name: str) -> AbstractContextManager[None]:
    """Trace something that an update or a case waits for; what belongs to neither is not traced."""
    api = _opentelemetry()
    # Each statement comes by here: what is not traced does not pay for a generator.
    return _step(api, system, name) if api and api.get_current_span().is_recording() else nullcontext()


@contextmanager
def _step(api: ModuleType, system: str, name: str) -> Iterator[None]:
    # An error is named by its kind: its text may say anything.
    kind = api.SpanKind.INTERNAL if system == "gmbot" else api.SpanKind.CLIENT
    with _tracer(api).start_as_current_span(
        f"{system} {name}", kind=kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__name__)
            raise


@contextmanager
def _root(name: str, attributes: dict[str, int]) -> Iterator[None]:
    api = _opentelemetry()
    if api is None:
        yield
        return
    with _tracer(api).start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ):
        yield


def _opentelemetry() -> ModuleType | None:
    # Only `tracing` imports the SDK; a library may import the interface for its own ends.
    return sys.modules.get("opentelemetry.trace") if "opentelemetry.sdk.trace" in sys.modules else None


def _tracer(api: ModuleType) -> Any:  # noqa: ANN401 - its type is not known before it is imported
    return api.get_tracer("gmbot")
