"""What an instance says of itself, and how it stops."""

import asyncio
import json

import aiohttp
import pytest

from bot.simulator import Fault
from tests.kits.ingress import Caller, Served, raw, secret_of, served
from tests.kits.platform import Lounge, Platform, eventually, get
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers]


async def health(caller: Caller) -> tuple[int, dict[str, object]]:
    """Ask for /health."""
    reply = await caller.call("GET", "/health")
    answer = json.loads(reply.body)
    assert reply.headers["content-type"] == "application/json"
    assert isinstance(answer, dict)
    return reply.status, answer


async def until_status(caller: Caller, status: str) -> None:
    """Wait until /health says so."""

    async def said() -> bool:
        return (await health(caller))[1]["status"] == status

    await eventually(said, f"the instance is {status}")


async def test_a_whole_instance_is_alive_ready_and_healthy(instance: Served) -> None:
    """Every part has its check, and every check tells how long it took."""
    await until_status(instance.caller, "healthy")
    status, answer = await health(instance.caller)
    checks = answer["checks"]
    assert isinstance(checks, dict)

    assert (await instance.caller.call("GET", "/livez")).status == 200
    assert (await instance.caller.call("GET", "/readyz")).status == 200
    assert status == 200
    assert set(checks) >= {"postgres", "redis", "webhooks"}
    assert all(check["ok"] and check["latency_ms"] >= 0 for check in checks.values())


async def test_metrics_are_prometheus_text(instance: Served) -> None:
    """The exposition counts each update once, under its kind and what became of it."""
    await instance.caller.post(b'{"update_id": 900000001, "message": []}')
    reply = await instance.caller.call("GET", "/metrics")

    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'gmbot_updates_total{kind="none",result="malformed"} 1.0' in reply.body


@pytest.mark.parametrize(
    "path", ["/", "/telegram", "/livez/", "/health/x", "/metrics.json", "/../livez", "/favicon.ico"]
)
async def test_other_paths_are_not_found(instance: Served, path: str) -> None:
    """Nothing else is served here."""
    assert (await instance.caller.call("GET", path)).status == 404


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/metrics"])
async def test_probes_are_only_read(instance: Served, path: str) -> None:
    """A probe has no other method than GET, and HEAD by HTTP's rules."""
    reply = await instance.caller.call("POST", path)
    async with aiohttp.ClientSession() as session, session.head(instance.url + path) as head:
        body = await head.read()

    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert (head.status, body) == (200, b"")


async def test_without_telegram_an_instance_starts_ready_and_degraded(lounge: Lounge, platform: Platform) -> None:
    """Readiness does not wait for Telegram; health names the webhook that is missing until it is set."""
    away = lounge.sim.faults.add(Fault(kind="error", code=502, times=None))
    async with served(platform) as instance:
        ready = await instance.caller.call("GET", "/readyz")
        status, answer = await health(instance.caller)
        lounge.sim.faults.remove(away)
        await until_status(instance.caller, "healthy")
    checks = answer["checks"]
    assert isinstance(checks, dict)

    assert ready.status == 200
    assert (status, answer["status"]) == (200, "degraded")
    assert checks["webhooks"]["ok"] is False
    assert "webhook" in checks["webhooks"]["fault"]
    assert lounge.sim.calls_of("setWebhook")[-1].status == 200


@pytest.mark.processes
async def test_a_stopping_instance_finishes_what_it_has_begun(lounge: Lounge, platform: Platform) -> None:
    """After SIGTERM a new probe hears that it is not ready, the update under way is answered, and the exit is clean."""
    async with platform.process(free_port()) as instance, aiohttp.ClientSession() as session:
        await platform.webhook_is_set()
        await lounge.settled()
        # Each of the calls that the command makes, so that it is under way for as long as a busy machine needs.
        lounge.sim.faults.add(Fault(kind="delay", seconds=1.0, times=None))
        update = raw(
            {
                "update_id": 900_000_001,
                "message": {
                    "message_id": 9,
                    "date": int(lounge.sim.clock.now()),
                    "chat": {"id": lounge.group.id, "type": "supergroup", "title": "Lounge"},
                    "from": {"id": lounge.owner.id, "is_bot": False, "first_name": "Olivia"},
                    "text": "/protect @gm_news",
                    "entities": [{"type": "bot_command", "offset": 0, "length": 8}],
                },
            }
        )
        secret = {"X-Telegram-Bot-Api-Secret-Token": secret_of(lounge.bot.id)}
        posted = asyncio.create_task(
            session.post(f"{instance.url}/telegram/{lounge.bot.id}", data=update, headers=secret)
        )
        await lounge.until_running("getChat")
        instance.terminate()
        await eventually(lambda: _is_refused(f"{instance.url}/readyz"), "the instance is not ready")
        alive = await get(f"{instance.url}/livez")
        still_busy = not posted.done()
        answer = await posted
        exit_status = await instance.stop()

    assert (alive, still_busy) == (200, True)
    assert answer.status == 200
    assert any("News" in text for text in lounge.said())
    assert exit_status == 0


async def _is_refused(url: str) -> bool:
    return await get(url) == 503
