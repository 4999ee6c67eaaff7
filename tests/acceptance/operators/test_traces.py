"""Traces of a running instance, as a collector gets them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bot.core.settings import Settings
from bot.core.telemetry.traces import tracing
from bot.domain.errors import SettingsError
from tests.acceptance.kit import gated
from tests.kits.platform import Lounge, Platform
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes]


@dataclass
class Collector:
    """Takes spans over HTTP, as any OTLP collector does."""

    url: str
    spans: list[Span] = field(default_factory=list)
    raw: bytes = b""

    async def take(self, request: web.Request) -> web.Response:
        """Take some."""
        body = await request.read()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response()

    def names_below(self, name: str) -> set[str]:
        """Return the names of all spans below spans of this name, however deep."""
        found: set[str] = set()
        level = [span for span in self.spans if span.name == name]
        while level:
            level = [below for span in level for below in self.below(span)]
            found |= {span.name for span in level}
        return found

    def below(self, parent: Span) -> list[Span]:
        """Return the spans directly below one."""
        return [span for span in self.spans if span.parent_span_id == parent.span_id]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Run a collector."""
    port = free_port()
    collector = Collector(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield collector
    await runner.cleanup()


async def test_an_update_is_one_span_with_what_it_waited_for_below(
    lounge: Lounge, platform: Platform, collector: Collector
) -> None:
    """Statements, Redis and calls to Telegram; no token, name, text or address in any of them."""
    async with platform.process(free_port(), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as instance:
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger, text="a secret text")
        assert instance.pid

    roots = [span for span in collector.spans if not span.parent_span_id]
    assert {span.name for span in roots} >= {"update message", "case"}
    of_updates = collector.names_below("update message")
    assert {"postgresql claim_update", "gmbot verification", "redis read", "telegram getChatMember"} <= of_updates
    of_cases = collector.names_below("case")
    assert {"postgresql lease_case", "redis budget", "telegram restrictChatMember", "gmbot verification"} <= of_cases
    ids = [span.span_id for span in collector.spans]
    assert len(set(ids)) == len(ids)
    for secret in (platform.bot.token, "a secret text", "Sam", lounge.sim.url, str(lounge.stranger.id)):
        assert secret.encode() not in collector.raw


async def test_nothing_is_imported_while_it_is_off() -> None:
    """An instance without a collector has no tracing SDK and no exporter in it."""
    loaded = "any(name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter')) for name in sys.modules)"
    program = f"import sys, bot.app, bot.cli; sys.exit({loaded})"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)

    assert await process.wait() == 0


def test_an_address_that_is_none_is_refused() -> None:
    """In a sentence."""
    assert Settings.from_env({}).otel_exporter_otlp_endpoint is None
    with (
        pytest.raises(SettingsError, match="must be an http or https address"),
        tracing("localhost:4318", environment="test", release="1", sampled=1.0),
    ):
        pass
