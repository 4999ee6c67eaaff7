"""docs/CAPACITY.md from the figures that `make capacity` measured; what is calculated says so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "CAPACITY.md"
FIGURES = DOCS / "performance" / "capacity.json"
_TEMPLATE = Path(__file__).with_suffix(".txt")

Json = Mapping[str, Any]

_PROCESSES = ("instance", "nginx", "PostgreSQL", "Valkey")
_KINDS = {"message": "a known member's message", "first sight": "a member's first message", "case": "a stranger's case"}
_DAY, _MONTH = 86_400, 30
# A core is planned to be half busy at the busiest hour.
_BUSY = 0.5


@dataclass(frozen=True)
class Habits:
    """What people are taken to do, a day and a member."""

    messages: float = 5.0
    first_sights: float = 2.0
    """Answers live ten minutes: how often a message finds none."""
    cases: float = 0.01
    peak: float = 6.0
    """How many times the day's average the busiest moments have."""


HABITS = Habits()
_TIERS = (1_000, 100_000, 10_000_000)
_PLACES = {
    1_000: "one small server, everything on it; two instances so that one can be replaced",
    100_000: "one server of the middle tier, three instances, PostgreSQL beside them",
    10_000_000: "the largest tier: instances on servers of their own, PostgreSQL with replicas, Valkey with Sentinel",
}
_HARDWARE = (
    ("small", 1, "1 GB", "20 GB"),
    ("middle", 4, "8 GB", "100 GB of SSD"),
    ("large", 16, "32 GB", "1 TB of NVMe"),
)
_ROWS = {
    "events": "verification_events",
    "members": "group_members_seen",
    "cases": "restrictions",
    "done": "updates_done",
}


def page(figures: Json) -> str:
    """Return the page."""
    tables = figures["tables"]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        note=figures["note"],
        work=_table(
            ("", *(f"{name}, µs" for name in _PROCESSES), "log, bytes", "WAL, bytes", "calls", "times"),
            _work(figures),
        ),
        rows=f"{sum(int(each['rows']) for each in tables.values()):,}",
        tables=_table(
            ("table", "rows", "bytes a row"),
            ((f"`{name}`", f"{each['rows']:,}", _n(each["bytes"])) for name, each in tables.items() if each["rows"]),
        ),
        membership=_n(figures["redis_bytes_per_membership"]),
        database=_n(figures["database_bytes"]),
        dump=_n(figures["dump_bytes"]),
        idle=_n(figures["instance_mb"]["idle"]),
        busy=_n(figures["instance_mb"]["busy"]),
        cores=_table(("", *(f"{name} alone" for name in _PROCESSES), "all four on one core"), _cores(figures)),
        messages=HABITS.messages,
        sights=HABITS.first_sights,
        cases=HABITS.cases,
        peak=HABITS.peak,
        hardware=_table(
            ("tier", "cores", "memory", "disk", "members", "messages/s at the busiest moment"), _hardware(figures)
        ),
        sizes=_table(("", "one member", *(f"{members:,} members" for members in _TIERS)), _sizes(figures)),
        places="\n".join(f"- {members:,} members: {place}." for members, place in _PLACES.items()),
    )


def _cost(figures: Json, kind: str) -> Json:
    (found,) = [work for work in figures["work"] if work["name"] == kind]
    return dict(found)


def _work(figures: Json) -> Iterator[Sequence[str]]:
    for kind, name in _KINDS.items():
        work = _cost(figures, kind)
        costs = (_n(work["cpu_us"][process]) for process in _PROCESSES)
        yield (name, *costs, _n(work["log_bytes"]), _n(work["wal_bytes"]), f"{work['calls']:g}", f"{work['times']:,}")


def _cores(figures: Json) -> Iterator[Sequence[str]]:
    for kind, name in _KINDS.items():
        cpu = _cost(figures, kind)["cpu_us"]
        yield (f"{name}, a second", *(_rate(cpu[process]) for process in _PROCESSES), _rate(sum(cpu.values())))


def _rate(microseconds: float) -> str:
    # Less than this is the housekeeping of a process that has nothing to do with it.
    return _n(1e6 / microseconds) if microseconds >= 10 else "not bounded"


def _member_seconds(figures: Json) -> float:
    """Return the CPU time of all processes for one member and day."""
    often = {"message": HABITS.messages, "first sight": HABITS.first_sights, "case": HABITS.cases}
    return sum(1e-6 * times * float(sum(_cost(figures, kind)["cpu_us"].values())) for kind, times in often.items())


def _hardware(figures: Json) -> Iterator[Sequence[str]]:
    for name, cores, memory, disk in _HARDWARE:
        members = _BUSY * cores * _DAY / (HABITS.peak * _member_seconds(figures))
        yield name, str(cores), memory, disk, _n(members), _n(members * HABITS.messages * HABITS.peak / _DAY)


def _sizes(figures: Json) -> Iterator[Sequence[str]]:
    cost = {kind: _cost(figures, kind) for kind in _KINDS}
    row = {name: figures["tables"][table]["bytes"] for name, table in _ROWS.items()}
    shrunk = figures["dump_bytes"] / figures["database_bytes"]
    often = {"message": HABITS.messages, "first sight": HABITS.first_sights, "case": HABITS.cases}
    # Five events a case, for 90 days; closed cases for 30; updates that are done for about a day, four of each case.
    kept = HABITS.cases * (90 * 5 * row["events"] + 30 * row["cases"]) + row["members"]
    kept += (HABITS.first_sights + 4 * HABITS.cases) * row["done"]
    per_member: dict[str, tuple[float, str]] = {
        "messages a second, average": (HABITS.messages / _DAY, ""),
        "messages a second, busiest": (HABITS.peak * HABITS.messages / _DAY, ""),
        "cases a second, busiest": (HABITS.peak * HABITS.cases / _DAY, ""),
        "CPU time of all processes a day, seconds": (_member_seconds(figures), ""),
        "cores busy at the busiest moment": (HABITS.peak * _member_seconds(figures) / _DAY, ""),
        "log a day": (sum(times * cost[kind]["log_bytes"] for kind, times in often.items()), "B"),
        # Messages of known members write none; what stands beside them is housekeeping.
        "WAL a day": (sum(often[kind] * cost[kind]["wal_bytes"] for kind in ("first sight", "case")), "B"),
        "database after 90 days": (kept, "B"),
        "Valkey, everybody in one group and seen in the last ten minutes": (figures["redis_bytes_per_membership"], "B"),
        "a dump": (kept * shrunk, "B"),
        "a month of daily dumps": (_MONTH * kept * shrunk, "B"),
    }
    for name, (each, unit) in per_member.items():
        yield (name, *(_bytes(each * members) if unit else _n(each * members) for members in (1, *_TIERS)))


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _n(value: float) -> str:
    """Write a number to three places."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def _bytes(value: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} B"
