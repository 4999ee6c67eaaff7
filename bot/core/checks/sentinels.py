"""The sentinels that REDIS_URL names: which answer, whom they take for the primary, and who could follow it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.redis.sentinel import is_watched, read_service, sentinel_of
from bot.domain.finding import Finding, failure, fine, warning

_AWAY = (RedisError, OSError, TimeoutError)
_FEWEST = 3


async def sentinels(url: SecretStr | None) -> Sequence[Finding]:
    """Ask each of them."""
    if url is None or not is_watched(url.get_secret_value()):
        return []
    service = read_service(url.get_secret_value())
    async with AsyncExitStack() as stack:
        client = sentinel_of(service)
        stack.push_async_callback(client.aclose)
        states = await asyncio.gather(*(_state(each, service.name) for each in client.sentinels))
    places = [f"{host}:{port}" for host, port in service.sentinels]
    found = [
        warning(f"sentinel {place} {state}", "start it, and look at its log")
        for place, state in zip(places, states, strict=True)
        if isinstance(state, str)
    ]
    known = [state for state in states if not isinstance(state, str)]
    if len(places) < _FEWEST:
        found.append(warning(f"{len(places)} sentinels are named", "run and name three, on three hosts"))
    if len(known) * 2 <= len(places):
        found.append(failure("most sentinels are away: nobody would be promoted", "bring them back"))
    primaries = {f"{state['ip']}:{state['port']}" for state in known}
    if len(primaries) > 1:
        found.append(failure(f"sentinels disagree about the primary: {', '.join(sorted(primaries))}", "see their logs"))
    replicas = min((int(state["num-slaves"]) for state in known), default=0)
    if known and not replicas:
        found.append(warning("no replica follows: Redis could not be replaced", "start one with --replicaof"))
    return found or [fine(f"{len(known)} sentinels watch {primaries.pop()}, and {replicas} replicas")]


async def _state(sentinel: Redis, service: str) -> Mapping[str, Any] | str:
    try:
        services = cast("Mapping[str, Mapping[str, Any]]", await sentinel.sentinel_masters())
    except _AWAY as error:
        return f"does not answer: {error!r}"
    return services.get(service, f"does not know a service {service}")
