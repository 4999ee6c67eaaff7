"""How long the console's pages take with many groups: `python -m tests.benchmarks.console_speed [groups]`.

The exit status is 1 when a page misses its target.
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence

import asyncpg

from bot.domain.operator import Rank
from bot.simulator import Simulator
from bot.utils.benchmarks.results import Target, summary
from tests.acceptance.operators.test_console import link_to
from tests.browser.demo import demo_home
from tests.kits.console import Visitor, visitor
from tests.kits.platform import Platform, furnish
from tests.kits.servers import fresh_database, running_servers

MANY = 100_000
_ROUNDS = 40
_MOST_MS = 200.0
"""Both the median and the 95th percentile of a page stay below it."""

# One channel for each ten groups, a thousandth of the groups in trouble, one decision a group, some cases and changes.
_FILL = """
INSERT INTO channels (bot_id, channel_id, title)
  SELECT $1::bigint, -2000000 - n, 'Channel ' || n
  FROM generate_series(1, $2::int / 10) n;
INSERT INTO protected_groups (bot_id, group_id, title, configured_by, seq, paused_reason)
  SELECT $1::bigint, -5000000 - n, 'Group ' || md5(n::text), 1, 0,
  CASE WHEN n % 1000 = 0 THEN 'rights_lost' END
  FROM generate_series(1, $2::int) n;
INSERT INTO group_channel_links (bot_id, group_id, channel_id, position)
  SELECT $1::bigint, -5000000 - n, -2000001 - n % ($2::int / 10), 0
  FROM generate_series(1, $2::int) n;
INSERT INTO verification_events (at, bot_id, group_id, user_id, outcome, detail)
  SELECT now() - n * interval '1 second', $1::bigint, -5000000 - n, n, 'passed', 'first_sight'
  FROM generate_series(1, $2::int) n;
INSERT INTO restrictions
  (bot_id, group_id, user_id, user_name, language, enforcement, wanted, done, due_at, our_until)
  SELECT $1::bigint, -5000000 - n, n, 'User ' || n, 'en', 'mute', 'mute', 'muted',
    now() + interval '30 days', now() + interval '300 days'
  FROM generate_series(1, $2::int / 20) n;
INSERT INTO audit_log (bot_id, actor, action, chat_id)
  SELECT $1::bigint, 1, 'protect', -5000000 - n
  FROM generate_series(1, $2::int) n
"""


def pages(bot: int) -> Mapping[str, str]:
    """Return what is opened, by its name."""
    return {
        "overview": "",
        "series": "series",
        "groups": "groups",
        "groups, found by a part of the title": "groups?search=c4ca4238",
        "groups, found by nothing": "groups?search=nothing-is-called-so",
        "groups, found by a short part": "groups?search=c4",
        "groups, found by their id": "groups?search=-5000077",
        "groups that are protected": "groups?state=protected",
        "groups that only observe": "groups?state=observing",
        "groups in trouble, found by nothing": "groups?state=trouble&search=nothing-is-called-so",
        "groups in trouble": "groups?state=trouble",
        "groups that are open": "groups?state=open",
        "a group": f"groups/{bot}/-5000001",
        "channels": "channels",
        "verifications": "verifications",
        "verifications of a rare kind": "verifications?kind=refused",
        "channels, found by nothing": "channels?search=nothing-is-called-so",
        "why somebody is muted": f"verifications/explain?bot={bot}&group=-5000001&user=1",
        "operations": "operations",
        "audit log": "audit",
        "performance": "performance",
        "settings": "settings",
        "bots": "bots",
    }


async def fill(database_url: str, bot: int, groups: int) -> None:
    """Write rows for so many groups, and have PostgreSQL count them."""
    connection = await asyncpg.connect(database_url)
    try:
        for statement in _FILL.split(";"):
            await connection.execute(statement, bot, groups)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def measure(someone: Visitor, bot: int, rounds: int) -> Mapping[str, Sequence[float]]:
    """Return how long each page took, in milliseconds, from request to the last byte."""
    found: dict[str, Sequence[float]] = {}
    for name, path in pages(bot).items():
        taken: list[float] = []
        for _ in range(rounds):
            started = time.perf_counter()
            text = await someone.get(path)
            taken.append((time.perf_counter() - started) * 1000)
            assert someone.status == 200, (name, text)
        found[name] = taken
    return found


async def measured(platform: Platform, groups: int, rounds: int) -> Mapping[str, Sequence[float]]:
    """Fill the platform's database, run an instance on it, and measure its pages."""
    async with platform.instance():
        pass
    await fill(platform.database_url, platform.bot.id, groups)
    async with platform.instance() as url, visitor(url) as someone:
        await someone.log_in(await link_to(platform, url, Rank.VIEWER))
        return await measure(someone, platform.bot.id, rounds)


def judged(times: Mapping[str, Sequence[float]], most: float) -> tuple[Sequence[str], bool]:
    """Return a table of what was measured, and whether every page met the target."""
    target, misses = Target("<", most), 0
    lines = [f"{'page':40} {'median':>8} {'p95':>8} {'target':>8}"]
    for page, taken in times.items():
        figures = summary(taken)
        missed = not (target.met(figures.median) and target.met(figures.p95))
        misses += missed
        wanted = f"{target.side} {target.limit:g}"
        lines.append(f"{page:40} {figures.median:8.1f} {figures.p95:8.1f} {wanted:>8} {'MISSED' if missed else 'met'}")
    return lines, misses == 0


async def main(groups: int) -> int:
    """Print a table. Return how the process ends."""
    with demo_home() as home, running_servers(home / "home") as servers:
        async with fresh_database(servers) as database, Simulator().serving() as sim:
            platform = Platform(sim, database, servers.redis_url, furnish(sim).bot)
            times = await measured(platform, groups, _ROUNDS)
    lines, is_met = judged(times, _MOST_MS)
    print(f"{groups:,} groups; {_ROUNDS} requests of each page, in milliseconds to the last byte", *lines, sep="\n")  # noqa: T201 - its output
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)))
