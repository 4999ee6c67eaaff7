"""Which statements ran, and how often: pg_stat_statements, read by the names of bot/core/sql."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from bot.core.postgres.statements import load_statements
from bot.utils.optimizer.connecting import Connection, catalog

_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Usage:
    """One statement as the server has seen it since its statistics began."""

    statement: str
    calls: int
    rows: int
    mean_ms: float
    max_ms: float
    total_ms: float


async def statistics_are_there(connection: Connection) -> bool:
    """Whether the server counts statements."""
    return bool(await connection.fetchval(catalog("has_statement_statistics")))


async def query_ids(connection: Connection) -> Mapping[int, str]:
    """Return the name of each statement by the number that PostgreSQL knows it by."""
    names: dict[int, str] = {}
    for name, text in load_statements().items():
        number = await _query_id(connection, text)
        if number is not None:
            names[number] = name
    return names


async def usage(connection: Connection, names: Mapping[int, str]) -> list[Usage]:
    """Return what ran, by name where it is GMBot's, the costliest first."""
    rows = await connection.fetch(catalog("statement_statistics"), _MOST)
    return [
        Usage(
            names.get(row["queryid"], " ".join(str(row["query"]).split())[:60]),
            row["calls"],
            row["rows"],
            row["mean_exec_time"],
            row["max_exec_time"],
            row["total_exec_time"],
        )
        for row in rows
    ]


async def calls(connection: Connection, names: Mapping[int, str]) -> Counter[str]:
    """Count the calls of GMBot's own statements."""
    found: Counter[str] = Counter()
    for row in await connection.fetch(catalog("statement_statistics"), _MOST):
        if row["queryid"] in names:
            found[names[row["queryid"]]] += row["calls"]
    return found


async def generic_plan(connection: Connection, text: str) -> Mapping[str, object] | None:
    """Return the plan for values that are not known, None for what has no plan. Nothing is run."""
    try:
        await connection.execute(f"PREPARE examined AS {text.rstrip().removesuffix(';')}")
    except asyncpg.PostgresSyntaxError:
        return None
    try:
        count = await connection.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'examined'"
        )
        values = f"({', '.join(['NULL'] * count)})" if count else ""
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        rows = await connection.fetch(f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE examined{values}")
        document: dict[str, object] = json.loads(rows[0][0])[0]
    finally:
        await connection.execute("RESET plan_cache_mode; DEALLOCATE examined")
    return document


async def _query_id(connection: Connection, text: str) -> int | None:
    document = await generic_plan(connection, text)
    number = None if document is None else document.get("Query Identifier")
    return number if isinstance(number, int) else None
