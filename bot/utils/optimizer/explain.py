"""What PostgreSQL did to answer a statement, read from EXPLAIN (ANALYZE)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.utils.optimizer.connecting import Connection, catalog

_SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan", "Sample Scan"})
# `choose_custom_plan` in PostgreSQL's plancache.c.
_PLANNED_ANEW = 5

Node = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Plan:
    """One execution."""

    shape: tuple[str, ...]
    """The kinds of its steps, from the top."""
    indexes: frozenset[str]
    """Used to find rows or to notice a conflict; a partition's index by the name of its parent's."""
    scanned: Mapping[str, float]
    """Tables that were read from end to end, with the rows that this took."""
    rows_read: float
    rows_out: float
    """Returned or changed."""

    @property
    def read_per_row(self) -> float:
        """Rows read for each row returned or changed."""
        return self.rows_read / max(self.rows_out, 1.0)


async def parents_of_indexes(connection: Connection) -> Mapping[str, str]:
    """Return the parent's name for each index of a partition."""
    return {row["part"]: row["name"] for row in await connection.fetch(catalog("index_parents"))}


async def explain(connection: Connection, text: str, values: tuple[object, ...], parents: Mapping[str, str]) -> Plan:
    """Explain how a statement runs in an instance, which prepares it once. Whoever calls this rolls back.

    From the sixth time on PostgreSQL may go by a plan for all values; that is the one that counts.
    """
    literals = ", ".join(await _literals(connection, text, values))
    await connection.execute(f"PREPARE explained AS {text.rstrip().removesuffix(';')}")
    call = f"explained({literals})" if literals else "explained"
    for _ in range(_PLANNED_ANEW):
        await connection.execute(f"EXPLAIN EXECUTE {call}")
    rows = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {call}")
    await connection.execute("DEALLOCATE explained")
    return read_plan(json.loads(rows[0][0])[0], parents)


async def _literals(connection: Connection, text: str, values: tuple[object, ...]) -> list[str]:
    """Write values as PostgreSQL reads them: what it explains takes no parameters of the protocol's."""
    types = [each.name for each in (await connection.prepare(text)).get_parameters()]
    columns = [f"quote_nullable(${number}::{name}::text)" for number, name in enumerate(types, 1)]
    written = await connection.fetchrow(f"SELECT {', '.join(columns)}", *values) if columns else ()
    return [f"{literal}::{name}" for literal, name in zip(written or (), types, strict=True)]


def read_plan(document: Mapping[str, object], parents: Mapping[str, str]) -> Plan:
    """Read the JSON of EXPLAIN."""
    top = document["Plan"]
    if not isinstance(top, dict):
        raise TypeError("EXPLAIN returned no plan")
    nodes = list(_walk(top))
    used = {str(node["Index Name"]) for node in nodes if "Index Name" in node and _ran(node)}
    for node in nodes:
        arbiters = node.get("Conflict Arbiter Indexes", [])
        if isinstance(arbiters, list):
            used.update(str(each) for each in arbiters)
    scanned: dict[str, float] = {}
    for node in nodes:
        if node["Node Type"] == "Seq Scan" and _ran(node):
            name = str(node["Relation Name"])
            scanned[name] = scanned.get(name, 0.0) + _rows_read(node)
    changed = sum(_number(child, "Actual Rows") for node in nodes if "Operation" in node for child in _children(node))
    return Plan(
        shape=tuple(str(node["Node Type"]) for node in nodes),
        indexes=frozenset(parents.get(name, name) for name in used),
        scanned=scanned,
        rows_read=sum(_rows_read(node) for node in nodes if node["Node Type"] in _SCANS),
        rows_out=max(_number(top, "Actual Rows"), changed),
    )


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _children(node: Node) -> list[Node]:
    plans = node.get("Plans", [])
    return plans if isinstance(plans, list) else []


def _ran(node: Node) -> bool:
    return _number(node, "Actual Loops", 1.0) > 0


def _rows_read(node: Node) -> float:
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(_number(node, name) for name in names) * _number(node, "Actual Loops", 1.0)


def _number(node: Node, name: str, default: float = 0.0) -> float:
    value = node.get(name, default)
    return float(value) if isinstance(value, int | float) else default
