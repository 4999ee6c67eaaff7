"""Indexes that a database lacks. They are printed and never made: that is the operator's decision."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.core.postgres.migrations import migrations_directory
from bot.core.postgres.statements import load_statements
from bot.utils.optimizer.connecting import Connection, catalog
from bot.utils.optimizer.counting import generic_plan

_MANY_ROWS = 10_000
_MADE = re.compile(r"CREATE (?:UNIQUE )?INDEX (\w+) ON .*?;", re.DOTALL)
_DROPPED = re.compile(r"DROP INDEX (\w+);")
_PARTITIONED = " ON verification_events "
# They read whole tables by their nature: at the start, or for a person who asks, which is not often.
_WHOLE = frozenset(
    {
        "groups_changed_since",
        "letters",
        "dead_actions",
        "bot_summaries",
        "pseudonymise_audit",
        "list_jobs",
        "totals",
        "count_unfreed",
        "export_actions",
        "erase_actions",
    }
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An index to make, and why."""

    statement: str
    reason: str


async def suggestions(connection: Connection) -> list[Suggestion]:
    """Return what is missing: of this release's own indexes, for foreign keys, and for statements."""
    found = [*await _missing(connection), *await _foreign_keys(connection), *await _scans(connection)]
    return list({suggestion.statement: suggestion for suggestion in found}.values())


def own_indexes() -> Mapping[str, str]:
    """Return the definition of every index that the migrations of this release make."""
    made: dict[str, str] = {}
    for path in sorted((migrations_directory() / "sql").glob("*_up.sql")):
        text = path.read_text(encoding="utf-8")
        for change in re.finditer(f"{_MADE.pattern}|{_DROPPED.pattern}", text, re.DOTALL):
            name = change.group(1) or change.group(2)
            made.pop(name, None)
            if change.group(1):
                made[name] = " ".join(change.group(0).split())
    return made


def concurrently(definition: str) -> str:
    """Return the form that lets others write meanwhile; PostgreSQL has none for partitioned tables."""
    if _PARTITIONED in definition:
        return definition
    return definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)


async def _missing(connection: Connection) -> list[Suggestion]:
    present = {row["name"] for row in await connection.fetch(catalog("index_usage"))}
    present |= {row["name"] for row in await connection.fetch(catalog("free_indexes"))}
    return [
        Suggestion(concurrently(definition), f"{name} belongs to this release's schema")
        for name, definition in own_indexes().items()
        if name not in present
    ]


async def _foreign_keys(connection: Connection) -> list[Suggestion]:
    rows = {row["table_name"]: row["rows"] for row in await connection.fetch(catalog("table_sizes"))}
    return [
        Suggestion(
            f"CREATE INDEX CONCURRENTLY ON {row['table_name']} ({', '.join(row['columns'])});",
            f"{row['name']}: a change of what it refers to reads all of {row['table_name']}",
        )
        for row in await connection.fetch(catalog("foreign_keys_without_index"))
        if rows.get(row["table_name"], 0) > _MANY_ROWS and row["columns"] != ["bot_id"]
    ]


async def _scans(connection: Connection) -> list[Suggestion]:
    """Explain every statement for unknown values, and look for tables that are read from end to end."""
    sizes = {row["table_name"]: row["rows"] for row in await connection.fetch(catalog("table_sizes"))}
    found: list[Suggestion] = []
    for name, text in load_statements().items():
        document = None if name in _WHOLE else await generic_plan(connection, text)
        if document is None:
            continue
        for node in _nodes(document["Plan"]):
            table = str(node.get("Relation Name", ""))
            columns = _columns(str(node.get("Filter", "")), str(node.get("Alias", table)))
            if node["Node Type"] == "Seq Scan" and sizes.get(table, 0) > _MANY_ROWS and columns:
                statement = f"CREATE INDEX CONCURRENTLY ON {table} ({', '.join(columns)});"
                found.append(Suggestion(statement, f"{name} reads all of {table}"))
    return found


def _nodes(node: object) -> Iterator[Mapping[str, object]]:
    if isinstance(node, dict):
        yield node
        for child in node.get("Plans", []):
            yield from _nodes(child)


def _columns(condition: str, alias: str) -> list[str]:
    """Return the columns that a condition compares, equality first: that is the order an index wants."""
    equal = re.findall(rf"\({alias}\.(\w+) = ", condition)
    ranges = re.findall(rf"\({alias}\.(\w+) [<>]", condition)
    return list(dict.fromkeys([*equal, *ranges]))
