"""PostgreSQL's primary, its whole host, and Redis' primary, each killed several times under load.

Writes docs/FAILOVER.md.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.failover import caches, databases
from tests.failover.cluster import patroni_cluster
from tests.failover.databases import HOST, POSTGRES
from tests.failover.watched import watched_valkeys
from tests.faults.stage import Note, home, servers
from tests.ha.checks import Check, Part, Say, least, most, none

PAGE = Path(__file__).parents[2] / "docs" / "FAILOVER.md"

MOST_NOTICED_SECONDS = 3.0
MOST_WITHOUT_WRITES_SECONDS = 5.0
MOST_LAG_MS = 100.0
# What Patroni's lease of 20 s leads to, and an election after it.
MOST_WITHOUT_HOST_SECONDS = 30.0

_RATE = 30.0
_DATABASE_KILLS = (POSTGRES, POSTGRES, HOST, POSTGRES, POSTGRES, HOST)
_REDIS_KILLS = 4
# Sentinel replaces nobody again within two of its time-outs of 3 s.
_CALM_SECONDS = 8.0
_LAG_SHARE = 0.99

_HEAD = """\
# What is measured when a database fails

Made by `make ha`. {note}

Two `gmbot serve` behind a balancer, {rate:g} messages a second of which every tenth is a stranger's first, the
simulator as Telegram with Telegram's sending limits, all servers on this one machine. Every sample is shown, sorted;
seconds from the kill unless it says otherwise. What the configurations are, and what people see:
[failover.md](operations/failover.md).

"""

_DATABASES = """\
## PostgreSQL under Patroni: a primary, a synchronous and an asynchronous replica

| what | PostgreSQL killed, Patroni lives | both killed, as when a host dies |
|---|---|---|
| another one was promoted | {promoted} | {promoted_host} |
| an instance said that the database is away | {noticed} | {noticed_host} |
| **first acknowledged write, <= 5 s when Patroni lives** | {first_write} | {first_write_host} |
| both instances had it back | {served} | {served_host} |
| the killed node was a replica again; of a host, from its start | {rejoined} | {rejoined_host} |

| what | figure |
|---|---|
| writes acknowledged through GMBot's own pool; **of these lost** | {writes}; **{writes_lost}** |
| new primaries; lines in the audit | {rounds}; {audited} |
| **lag of the synchronous replica, < 100 ms**: median, 99th percentile, longest of {lag_sync_count} | {lag_sync} ms |
| **lag of the asynchronous replica, < 100 ms**: the same of {lag_async_count} | {lag_async} ms |
{counted}
"""

_REDIS = """\
## Redis behind Sentinel: a primary, two replicas, three sentinels

| what | Redis killed |
|---|---|
| an instance said that it does not hear the others | {deaf} |
| **first acknowledged write, <= 5 s** | {first_write} |
| both instances heard each other again | {hearing} |
| from the start of the killed one until two replicas followed | {rejoined} |

| what | figure |
|---|---|
| writes acknowledged through GMBot's own client; of these lost: replicas follow later | {writes}; {writes_lost} |
{counted}
"""

_COUNTED = """\
| messages written; updates with what followed from them; **lost** | {messages}; {updates}; **{updates_lost}** |
| strangers who spoke; **without a case in the ledger** | {strangers}; **{cases_missing}** |
| **mutes, prompts, deletions or lifts missing in the end** | **{effects_missing}** |
| **muted twice; members muted; cases left open; updates given up** | **{mutes_doubled}; {wrong_mutes}; {cases_open}; \
{dead_letters}** |
| prompts sent twice, at most one per kill | {prompts_doubled} |
| **calls beyond Telegram's limits** | **{refused_by_limits}** |"""


async def _run(say: Say) -> Sequence[Check]:
    note = Note()
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(servers(await stack.enter_async_context(home())))
        say("three nodes of PostgreSQL start")
        async with patroni_cluster() as cluster:
            say("the primary is killed")
            database = await databases.failovers(
                cluster, pair.redis_url, _DATABASE_KILLS, rate=_RATE, calm_seconds=_CALM_SECONDS, seed=1
            )
        say("three Valkeys and three sentinels start")
        async with watched_valkeys() as watched:
            say("the primary is killed")
            cache = await caches.failovers(
                watched, pair.database_url, _REDIS_KILLS, rate=_RATE, calm_seconds=_CALM_SECONDS, seed=2
            )
    await asyncio.to_thread(PAGE.write_text, page(note, database, cache), encoding="utf-8")
    return checks(database, cache)


def checks(database: databases.Report, cache: caches.Report) -> Sequence[Check]:
    """Hold the figures against what they may be."""
    noticed = [each for kind in (POSTGRES, HOST) for each in database.of(kind, lambda it: it.noticed)]
    crashed = database.of(POSTGRES, lambda it: it.first_write)
    without_host = database.of(HOST, lambda it: it.first_write)
    return [
        most("PostgreSQL crashed: promoted", max(database.of(POSTGRES, _promoted)), MOST_WITHOUT_WRITES_SECONDS, " s"),
        most("first acknowledged write", max(crashed), MOST_WITHOUT_WRITES_SECONDS, " s"),
        most("noticed by an instance", max(noticed, default=0.0), MOST_NOTICED_SECONDS, " s"),
        most("host died: first write", max(without_host), MOST_WITHOUT_HOST_SECONDS, " s"),
        least("acknowledged writes", database.writes, 1),
        none("acknowledged writes lost", database.writes_lost),
        most("lag of the synchronous replica, p99", database.lag("synchronous", _LAG_SHARE), MOST_LAG_MS, " ms"),
        most("lag of the asynchronous replica, p99", database.lag("asynchronous", _LAG_SHARE), MOST_LAG_MS, " ms"),
        most("Redis died: first write", max(cache.of(lambda it: it.first_write)), MOST_WITHOUT_WRITES_SECONDS, " s"),
        none(f"PostgreSQL: {'; '.join(database.faults) or 'lost, doubled, wrong'}", len(database.faults)),
        none(f"Redis: {'; '.join(cache.faults) or 'lost, doubled, wrong'}", len(cache.faults)),
    ]


def _promoted(it: databases.Round) -> float:
    return it.promoted


def page(note: Note, database: databases.Report, cache: caches.Report) -> str:
    """Write what was measured."""
    of = {
        f"{name}{suffix}": _samples([getattr(each, name) for each in database.rounds if each.killed == kind])
        for name in ("promoted", "noticed", "first_write", "served", "rejoined")
        for kind, suffix in ((POSTGRES, ""), (HOST, "_host"))
    }
    redis = {
        name: _samples([getattr(each, name) for each in cache.rounds])
        for name in ("deaf", "first_write", "hearing", "rejoined")
    }
    return (
        _HEAD.format(note=note.sentence(), rate=_RATE)
        + _DATABASES.format(
            **of,
            writes=database.writes,
            writes_lost=database.writes_lost,
            rounds=len(database.rounds),
            audited=database.audited,
            lag_sync=_lag(database, "synchronous"),
            lag_sync_count=len(database.lag_ms["synchronous"]),
            lag_async=_lag(database, "asynchronous"),
            lag_async_count=len(database.lag_ms["asynchronous"]),
            counted=_COUNTED.format(**vars(database.counted)),
        )
        + "\n"
        + _REDIS.format(
            **redis,
            writes=cache.writes,
            writes_lost=cache.writes_lost,
            counted=_COUNTED.format(**vars(cache.counted)),
        )
    )


def _samples(seconds: Sequence[float | None]) -> str:
    found = sorted(each for each in seconds if each is not None)
    return ", ".join(f"{each:.2f}" for each in found) + " s" if found else "never: it was back before"


def _lag(database: databases.Report, standing: str) -> str:
    return ", ".join(f"{database.lag(standing, share):.1f}" for share in (0.5, _LAG_SHARE, 1.0))


PART = Part(
    name="failover",
    title="PostgreSQL and Redis are killed, and replaced by themselves",
    seconds=1500,
    run=_run,
)
