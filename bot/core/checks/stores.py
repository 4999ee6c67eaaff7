"""PostgreSQL and Redis: reachable, recent enough, with room, and with the schema of this release."""

from collections.abc import Mapping, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database
from bot.core.postgres.migrations import CODE_LEVEL, read_state
from bot.domain.finding import Finding, Level, failure, fine, note, warning
from bot.domain.heartbeat import DEAD_AFTER

_OLDEST_POSTGRES = 160_000
_OLDEST_REDIS = 7
_SLOW_MS = 20.0
_APART_SECONDS = 5.0


async def schema(database_url: str) -> Sequence[Finding]:
    """Compare the schema with this release."""
    state = await read_state(database_url)
    if state.min_code > CODE_LEVEL:
        return [failure("the schema is too new for this release", "run the newer release, or restore a backup")]
    if state.pending:
        return [failure(f"the schema lacks {', '.join(state.pending)}", "gmbot migrate")]
    return [fine(f"the schema is at {state.revision}")]


async def postgres(database: Database, clock: SystemClock, *, pool_size: int) -> Sequence[Finding]:
    """Ask PostgreSQL about itself."""
    started = clock.monotonic()
    row = await database.row("server_state", DEAD_AFTER)
    took = (clock.monotonic() - started) * 1000
    if row is None:
        return [failure("PostgreSQL tells nothing about itself", "look at its log")]
    found: list[Finding] = []
    apart = abs((clock.now() - row["now"]).total_seconds())
    if apart > _APART_SECONDS:
        text = f"the clocks of this host and of PostgreSQL are {apart:.0f} s apart"
        found.append(warning(text, "have both follow NTP: deadlines of kicks and mutes go by them"))
    if row["version"] < _OLDEST_POSTGRES:
        found.append(failure(f"PostgreSQL {row['version'] // 10000} is too old", "use PostgreSQL 16 or newer"))
    if row["standby"]:
        found.append(failure("this PostgreSQL is a standby and takes no changes", "point DATABASE_URL at the primary"))
    needed = (pool_size + 1) * max(1, row["instances"])
    if needed > row["connections"]:
        found.append(
            warning(
                f"{row['instances']} instances may need {needed} connections; PostgreSQL allows {row['connections']}",
                "raise max_connections, or lower DB_POOL_SIZE",
            )
        )
    if not row["encrypted"] and row["remote"]:
        found.append(note("the connection to PostgreSQL is not encrypted", "sslmode=require in DATABASE_URL"))
    if took > _SLOW_MS:
        found.append(warning(f"PostgreSQL took {took:.0f} ms for a small question", "look at its load and distance"))
    broken = [each["name"] for each in await database.rows("invalid_indexes")]
    if broken:
        found.append(warning(f"indexes are invalid: {', '.join(broken)}", f"REINDEX INDEX CONCURRENTLY {broken[0]}"))
    if all(each.level is Level.NOTE for each in found):
        found.append(fine(f"PostgreSQL {row['version'] // 10000} answers in {took:.1f} ms"))
    return found


async def redis(client: "Redis") -> Sequence[Finding]:
    """Ask Redis about itself."""
    try:
        info = await client.info()
    except (RedisError, OSError) as error:
        return [
            failure(f"Redis does not answer: {error}", "check REDIS_URL; without Redis GMBot works, slower and apart")
        ]
    version = str(info.get("valkey_version") or info.get("redis_version"))
    if int(version.partition(".")[0]) < _OLDEST_REDIS:
        return [failure(f"Redis {version} is too old", "use Redis 7 or newer, or Valkey")]
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if most and used > most * 0.9:
        return [warning(f"Redis has used {used / most:.0%} of its memory", "raise maxmemory")]
    policy = str(info.get("maxmemory_policy", ""))
    if most and policy.startswith("allkeys"):
        what = f"Redis drops whatever it likes when it is full ({policy}), updates kept in an outage, too"
        return [warning(what, "set maxmemory-policy to volatile-lru")]
    return [fine(f"Redis or Valkey {version} answers"), *await _kept(client, info)]


async def _kept(client: "Redis", info: Mapping[str, object]) -> Sequence[Finding]:
    """Look whether Redis has after a restart what it had before; one that does not tell is asked for nothing."""
    try:
        saves = (await client.config_get("save")).get("save")
    except RedisError:
        return []
    if saves or info.get("aof_enabled"):
        return []
    what = "Redis forgets everything when it restarts, updates kept in an outage of PostgreSQL, too"
    return [note(what, "set appendonly yes, where they are to outlive that")]


async def work(database: Database) -> Sequence[Finding]:
    """Look for work that nobody does."""
    row = await database.row("work_state", DEAD_AFTER)
    if row is None:
        return []
    found: list[Finding] = []
    if row["letters"] or row["actions"]:
        found.append(
            warning(f"{row['letters']} updates and {row['actions']} actions were given up", "gmbot letters list")
        )
    if row["overdue"]:
        found.append(
            warning(f"{row['overdue']} cases have been due for over a minute", "look at the logs of the instances")
        )
    if not row["instances"]:
        found.append(warning("no instance is running", "gmbot serve"))
    if len(row["versions"]) > 1:
        found.append(warning(f"instances of several releases run: {', '.join(row['versions'])}", "finish the upgrade"))
    return found or [fine(f"{row['instances']} instances run, and nothing waits")]
