"""The hot statements of the ledger: each finds its rows by the index made for it, and reads no more than it needs."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from bot.core.statements import load_statements

pytestmark = pytest.mark.servers

_BOT, _GROUP, _USER = 42, -1_000_500, 500
_OWNER = "7d1b2c1e-0000-4000-8000-000000000001"

_SEED = """
INSERT INTO bots (bot_id, username, token_encrypted) VALUES (42, 'gate', 'x');
INSERT INTO instances (instance_id, host, version) VALUES ('7d1b2c1e-0000-4000-8000-000000000001', 'h', '1');
INSERT INTO channels (bot_id, channel_id, title) SELECT 42, -2000000 - n, 'c' FROM generate_series(1, 200) n;
INSERT INTO protected_groups (bot_id, group_id, title, configured_by, seq)
SELECT 42, -1000000 - n, 'g', 1, n FROM generate_series(1, 2000) n;
INSERT INTO group_channel_links (bot_id, group_id, channel_id, position)
SELECT 42, -1000000 - n, -2000000 - 1 - n % 200, 0 FROM generate_series(1, 2000) n;
INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at)
SELECT 42, -1000000 - n, n % 1000, now() FROM generate_series(1, 2000) n;
INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted, due_at, closed_at)
SELECT 42, -1000000 - n % 2000 - 1, n, 'u', 'en', 'mute', 'mute',
       CASE WHEN n % 100 = 0 THEN now() ELSE 'infinity' END, CASE WHEN n % 2 = 0 THEN now() END
FROM generate_series(1, 20000) n;
INSERT INTO updates_done (bot_id, update_id, state, owner)
SELECT 42, n, 'done', '7d1b2c1e-0000-4000-8000-000000000001' FROM generate_series(1, 20000) n;
INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, due_at)
SELECT 42, 'delete_message', -1, n, now() + make_interval(hours => n % 100) FROM generate_series(1, 5000) n;
ANALYZE;
"""


@pytest.fixture
async def connection(database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Return a connection to a database with a few thousand rows in each table."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(_SEED)
    # With a few thousand rows a table is read from end to end where an index exists; with millions it is not.
    await connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
    yield connection
    await connection.close()


class Plan:
    """What PostgreSQL did."""

    def __init__(self, plan: dict[str, object]) -> None:
        self.nodes = list(self._walk(plan))

    def _walk(self, node: dict[str, object]) -> list[dict[str, object]]:
        children = node.get("Plans", [])
        assert isinstance(children, list)
        return [node] + [each for child in children for each in self._walk(child)]

    @property
    def indexes(self) -> set[object]:
        """The indexes that were used."""
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def scanned(self) -> set[object]:
        """The tables that were read from end to end."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    @property
    def most_rows(self) -> float:
        """The rows of the widest step, those that a filter threw away included."""
        return max(_rows(node) for node in self.nodes)


def _rows(node: dict[str, object]) -> float:
    numbers = [node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter")]
    loops = node.get("Actual Loops", 1)
    return sum(float(str(number)) for number in numbers) * float(str(loops))


async def _explain(connection: "asyncpg.Connection[asyncpg.Record]", statement: str, *values: object) -> Plan:
    text = load_statements()[statement].rstrip().removesuffix(";")
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", *values)
    finally:
        await transaction.rollback()
    return Plan(json.loads(rows[0][0])[0]["Plan"])


@pytest.mark.parametrize(
    ("statement", "values", "index", "rows"),
    [
        ("get_protected_group", (_BOT, _GROUP), "protected_groups_pkey", 1),
        ("get_group_channels", (_BOT, [_GROUP]), "group_channel_links_pkey", 1),
        ("groups_changed_since", (1990,), "protected_groups_seq", 10),
        ("due_cases", (50,), "restrictions_due", 50),
        ("cases_of_user", (_BOT, _USER + 1, -2_000_101), "restrictions_open", 10),
        ("open_case_of", (_BOT, -1_000_502, _USER + 1), "restrictions_open", 1),
        ("prompt_stands", (_BOT, -1_000_502, 1), "restrictions_open_group", 10),
        ("count_open_cases", (_BOT, -1_000_502), "restrictions_open_group", 10),
        ("want_open_cases", (_BOT, -1_000_502, "free", "unprotect"), "restrictions_open_group", 10),
        ("claim_update", (_BOT, 500, _OWNER), "updates_done_pkey", 1),
        ("update_state", (_BOT, 500), "updates_done_pkey", 1),
        ("finish_update", (_BOT, 500, _OWNER), "updates_done_pkey", 1),
        ("regate", (_BOT, 101, -2_000_102, "Sam"), "group_members_seen_user", 10),
        ("take_actions", (_OWNER, 50), "scheduled_actions_due", 100),
        ("lease_case", (500, _OWNER), "restrictions_pkey", 1),
        ("case_did", (500, _OWNER, "muted", []), "restrictions_pkey", 1),
    ],
)
async def test_a_hot_statement_uses_its_index(
    connection: "asyncpg.Connection[asyncpg.Record]",
    statement: str,
    values: tuple[object, ...],
    index: str,
    rows: int,
) -> None:
    """Its cost does not grow with the tables."""
    plan = await _explain(connection, statement, *values)

    conflicts = {name for node in plan.nodes for name in _arbiters(node)}
    assert index in plan.indexes | conflicts
    assert plan.most_rows <= rows
    # A handful of rows, one for each instance or bot.
    assert plan.scanned <= {"instances", "bots"}


def _arbiters(node: dict[str, object]) -> list[object]:
    arbiters = node.get("Conflict Arbiter Indexes", [])
    assert isinstance(arbiters, list)
    return arbiters


async def test_every_statement_is_one_that_postgres_takes(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Also those that no test happens to run."""
    for name, text in load_statements().items():
        prepared = await connection.prepare(text)
        assert prepared is not None, name
