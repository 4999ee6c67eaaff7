"""PostgreSQL's hosts, as DATABASE_URL names them, and the replicas that follow the primary."""

import asyncio
from collections.abc import Sequence

import asyncpg

from bot.core.postgres.connecting import connect, hosts_of, several, single_host
from bot.core.postgres.database import Database
from bot.core.postgres.primary import primary_of, replicas_of
from bot.domain.finding import Finding, failure, fine, note, warning

_SECONDS = 3.0
_LATE_SECONDS = 1.0
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def hosts(url: str) -> Sequence[Finding]:
    """Ask each host what it is."""
    places = hosts_of(url)
    if not several(url):
        return []
    roles = await asyncio.gather(*(_role(single_host(url, host)) for host in places))
    found = [
        warning(f"PostgreSQL {name}:{port} does not answer: {role}", "bring it back: patronictl list")
        for (name, port), role in zip(places, roles, strict=True)
        if role not in {"primary", "replica"}
    ]
    primaries = [f"{name}:{port}" for (name, port), role in zip(places, roles, strict=True) if role == "primary"]
    if len(primaries) > 1:
        found.append(
            failure(f"{' and '.join(primaries)} both take changes", "stop all but the one Patroni names leader")
        )
    if not primaries:
        found.append(failure("none of the hosts takes changes", "patronictl list; patronictl failover"))
    return found or [fine(f"{primaries[0]} is the primary of {len(places)} hosts")]


async def replicas(database: Database, url: str) -> Sequence[Finding]:
    """Ask the primary who follows it."""
    primary, following = await primary_of(database), await replicas_of(database)
    if primary is None or (not several(url) and not following):
        return []
    if any(each.standing is None for each in following):
        what = f"{len(following)} replicas follow; how far behind they are is not visible"
        return [note(what, "GRANT pg_monitor TO the role in DATABASE_URL")]
    found = [
        warning(f"replica {each.name} is {each.lag_seconds:.1f} s behind", "look at its load, disk and network")
        for each in following
        if each.lag_seconds > _LATE_SECONDS
    ]
    if not any(each.synchronous for each in following):
        what = "no replica is synchronous: should the primary fail, what it acknowledged last may be lost"
        found.append(warning(what, "bring a replica back, and synchronous_mode: true in Patroni"))
    told = ", ".join(f"{each.name} ({each.standing}, {each.lag_seconds * 1000:.0f} ms behind)" for each in following)
    return found or [fine(f"timeline {primary.timeline}; {told}")]


async def _role(url: str) -> str:
    try:
        connection = await connect(url, seconds=_SECONDS)
        try:
            standby = await connection.fetchval("SELECT pg_is_in_recovery()", timeout=_SECONDS)
        finally:
            connection.terminate()
    except _AWAY as error:
        return str(error) or type(error).__name__
    return "replica" if standby else "primary"
