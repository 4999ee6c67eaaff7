"""Writes docs/PERFORMANCE.md and its plots from the figures of `python -m bot.utils.benchmark`.

`python -m tests.benchmarks.performance docs/performance/benchmark.json`
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import log10
from pathlib import Path
from typing import Any

from bot.utils.benchmarks.tables import number
from tests.faults.plots import Panel, Series, svg

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "PERFORMANCE.md"
PLOTS = "performance"
FIGURES = DOCS / PLOTS / "benchmark.json"

Json = Mapping[str, Any]

_HEAD = """\
# What it costs and how fast it is

Made by `make bench` from [the figures](performance/benchmark.json) that `python -m bot.utils.benchmark` measured; a
test holds this page against them. The command exits with 1 when a target is missed. {size}

{environment}

| targets | met | missed |
|---|---|---|
| {targets} | {met} | {missed} |
"""

_SECTIONS = {
    "stores": """\
## PostgreSQL, Redis, jitter

The statements that instances run, among so many groups, through the same pool; durable servers, on the same machine.
Each is timed by itself, after some that are not.
""",
    "starts": """\
## Starting

`gmbot serve` on stores that run and have the current schema: from the command to the moment in which `/health` says
healthy, with the webhooks set. Each start has them all to set.
""",
    "journeys": """\
## Messages and joins on their whole way

`gmbot serve` as a process, with PostgreSQL, Valkey and the simulator as Telegram. A first message is one of a member
of whom nobody has heard: claim, two questions to Telegram, settling, 200. Freedom is timed from the moment the
channel's `chat_member` leaves the simulator to the end of the call that lifts the mute.
""",
    "warming": """\
## Members verified in advance

`gmbot warm` beside an instance, with the default budget of five questions a second and the Bot API taking 50 ms, while
somebody who is muted presses the button again and again.
""",
    "memory": """\
## Memberships in memory

L1 with its default bound, filled twice over; and three instances' caches on one Valkey, one of which hears of a
change.
""",
    "ingress": """\
## A verified member's message, against others

Each server is one process on one core, the load comes from the other: 50 connections, each posting the next message
when the last is answered; the same bodies for all, in interleaved rounds. CPU time is that of the server's process,
with what it works off after the answer, divided by the updates. A ratio is taken within a round; above 1 means that
GMBot needs less, or does more. The rivals have one handler that does nothing and ask nobody: they check the secret,
parse and dispatch. GMBot checks the secret and decides. Updates per second are bounded by the load generator, too:
against a cheap server they understate.
""",
    "parts": """\
## Where the microseconds go

CPU time of the parts of the hot path, each by itself, in one process with everything in memory.
""",
    "outgoing": """\
## Calls to Telegram

`getChatMember` by python-telegram-bot on `bot/core/telegram/transport.py` and on the library's default, to a server
that answers at once; CPU time of the caller's process, in interleaved rounds.
""",
    "growth": """\
## Growing

`gmbot serve` with deployments of different sizes, beside each other and under the same load in turn: messages of
members and groups chosen at random. Resident memory is compared after all of it has been read.
""",
}
_BELOW_PARTS = """\

The last two lines are the rest: HTTP parsing is what the whole takes above its parts, the kernel and the event loop are
what a message costs a serving process above that. Sockets and HTTP cost more than the decision, so that is where work
on microseconds pays: the gate is asked in the parser's callbacks, without the task, the scope and the event of an ASGI
request ([why](adr/0015-the-gate-in-the-parser.md)). Counters are integers that become metrics when Prometheus
asks; activity is noted in a set and written every two seconds; nothing is logged.
"""


def page(figures: Json) -> str:
    """Return the page for what was measured."""
    judged = [row for row in figures["rows"] if row["passed"] is not None]
    missed = sum(not row["passed"] for row in judged)
    environment = "; ".join(f"{name} {value}" for name, value in figures["environment"].items())
    size = "These are the small samples of `--quick`." if figures["quick"] else ""
    counts = {"targets": len(judged), "met": len(judged) - missed, "missed": missed}
    parts = [_HEAD.format(size=size, environment=f"{environment}.", **counts)]
    for section, text in _SECTIONS.items():
        rows = [row for row in figures["rows"] if row["section"] == section]
        if rows:
            parts.append(f"{text}\n{_table(rows)}")
        if rows and section == "parts":
            parts.append(_rest(figures["rows"]) + _BELOW_PARTS)
        if section == "growth":
            parts.extend(f"![{curve['name']}]({PLOTS}/{_file(curve)})\n" for curve in figures["curves"])
    if figures["skipped"]:
        left = "\n".join(f"- {name}: {reason}" for name, reason in figures["skipped"].items())
        parts.append(f"## Left out\n\n{left}\n")
    return "\n".join(parts)


def plots(figures: Json) -> Mapping[str, str]:
    """Return the plots by their file names."""
    return {_file(curve): svg([_panel(curve)]) for curve in figures["curves"]}


def _table(rows: Sequence[Json]) -> str:
    """Write rows with what of a sample there is."""
    heads = ("what", "figure", "target", "avg", "median", "p95", "p99", "min", "max", "std dev", "n")
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    lines.extend(f"| {' | '.join(_cells(row))} |" for row in rows)
    return "\n".join(lines) + "\n"


def _cells(row: Json) -> Iterator[str]:
    yield row["name"]
    yield f"**{number(row['figure'])}** {row['unit']}".strip()
    target = row["target"]
    verdict = "met" if row["passed"] else "**missed**"
    held = "" if target is None else f"{row['judged']} {target['side']} {target['limit']:g} {row['unit']}".strip()
    yield f"{held}: {verdict}" if held else ""
    sample = row["sample"]
    names = ("mean", "median", "p95", "p99", "low", "high", "deviation")
    yield from ("" if sample is None else number(sample[name]) for name in names)
    yield "" if sample is None else str(sample["count"])


def _rest(rows: Sequence[Json]) -> str:
    """Say what is left of a message's cost when its parts are taken away."""
    parts = [row["figure"] for row in rows if row["section"] == "parts"]
    served = next((row["figure"] for row in rows if row["name"] == "gmbot serve: CPU time per update"), None)
    http = parts[-1] - sum(parts[:-1])
    lines = ["| the rest | µs |", "|---|---:|", f"| HTTP parsing, keep-alive, the answer | {number(http)} |"]
    if served is not None:
        lines.append(f"| kernel and event loop, of {number(served)} in all | {number(served - parts[-1])} |")
    return "\n".join(lines) + "\n"


def _panel(curve: Json) -> Panel:
    """Draw a curve with its rounds' spread over a logarithmic axis."""
    points = [(log10(each[0]), *each[1:]) for each in curve["points"]]
    lines = [
        Series(points=[(x, median) for x, median, _, _ in points], colour=1, label="median"),
        Series(points=[(x, low) for x, _, low, _ in points], colour=5, label="lowest"),
        Series(points=[(x, high) for x, _, _, high in points], colour=5, label="highest"),
    ]
    return Panel(
        title=f"{curve['name']}, {curve['unit']}",
        series=lines,
        unit_x="",
        most_x=points[-1][0],
        names_x=[(log10(each[0]), f"{each[0]:,.0f}") for each in curve["points"]],
    )


def _file(curve: Json) -> str:
    return f"{curve['along'].replace(' ', '-')}.svg"


def main() -> None:
    """Read the figures that are named, write the page and the plots."""
    figures = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    PAGE.write_text(page(figures), encoding="utf-8")
    for name, drawn in plots(figures).items():
        (DOCS / PLOTS / name).write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
