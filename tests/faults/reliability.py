"""Renews the parts of docs/RELIABILITY.md that the reports are about, and their plots."""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults import chaos, soak
from tests.faults.plots import Panel, Series, svg
from tests.faults.stage import Note

_DOCS = Path(__file__).parents[2] / "docs"
_PLOTS = "reliability"
_OURS = "simulator and load"

Json = Mapping[str, Any]

_HEAD = """\
# What was broken on purpose, what it was loaded with, and what came of it

Made by `python -m tests.faults.reliability chaos.json storm.json soak.json fuzz.json` from the reports of `make chaos`,
`make storm`, `make soak` and `make fuzz` (`ARGS='--json FILE'`; `make chaos` fuzzes, too, with `FUZZ` in place of
`ARGS`). Each report renews its own part of this page. All exit with 1 when a figure in bold is beyond its ceiling. All
percentiles are of all samples, sorted; none is an average of percentiles.

"""

_CHAOS = """\
## Something is killed all the time

`make chaos ARGS='--seconds {seconds:.0f} --seed {seed}'`: three instances behind nginx, real PostgreSQL and Valkey, the
simulator as Telegram, {people} people who write, join, leave, press and are moderated at random; and something killed
with `kill -9` every few seconds, an instance preferably in the middle of its work, which a supervisor starts again.

{note}

| what | figure |
|---|---|
| time under fire | {seconds:.0f} s |
| kills | {kills}; never more than {quiet} s between two |
| things people did | {acts} |
| updates made by Telegram | {updates} |
| deliveries, with those tried again | {attempts} |
| **updates lost** | **{updates_lost}** |
| **updates given up (dead letters)** | **{dead_letters}** |
| updates delivered and acknowledged a second time; the second changes nothing | {acknowledged_twice} |
| mutes and lifts carried out | {mutes} and {lifts} |
| **mutes of somebody who was in the channels** | **{wrong_mutes}** |
| **mutes carried out twice** | **{mutes_doubled}** |
| prompts sent; **beside one that stood, at most one per kill** | {prompts}; **{prompts_doubled}** |
| **people left muted when everybody had joined** | **{stuck_muted}** |
| **moderators' restrictions lost or invented** | **{moderation_lost}** |
| **cases left open** | **{cases_open}** |
| prompts left behind, at most one per kill | {prompts_left} |
| **killed instance counted as dead, < 2 s** | {detected} |
| **its cases and updates taken up by another, < 5 s** | {resumed} |
| from the last kill to everything done, everybody having joined at once | {recovered_in_seconds} s |

![Kills over time, and how long a killed instance's work lay still](reliability/chaos.svg)

A mute is judged at the moment Telegram carries it out: it is wrong if the user had been in all channels for more than
3 s and the length of the call. An instance is dead when its heartbeat in PostgreSQL is 1.8 s old; its work is taken up
when no case is leased to it and no update claimed by it any more. The test suite runs half a minute of the same:
`tests/faults/test_chaos.py`.

"""

_SOAK = """\
## Under load

`make soak`: instances behind nginx, real PostgreSQL and Valkey, the simulator as Telegram with Telegram's
sending limits, everything on one machine.

Messages fall due at random moments (an open loop) and are counted **from the moment they were due** to the moment
Telegram has the 200, through nginx, each chat in order: a stall is counted in full for everything that waited behind
it. Strangers are in the group and not in its channel; each is muted, loses the message, is shown a prompt, joins the
channel after a second or two and is freed. Prompts keep the default budget of 25 a second, which bounds the share of
strangers.

"""

_STORM = """\
## Telegram asks to wait, again and again

`make storm ARGS='--seconds {seconds:.0f}'`: {instances} instances behind a balancer share one budget; every third call
is answered with 429 and a `retry_after` of one or two seconds, while people come in, write, press and join, and bulk
work asks as fast as it may.

{note}

| what | figure |
|---|---|
| time of the storm | {seconds:.0f} s |
| calls, answered with 429 | {calls}, {floods} |
| **started inside a pause, by any instance, over 50 ms after the answer that named it** | **{started_in_pause}** |
| the latest that was started before its instance knew | {latest_start_ms:g} ms |
| most calls in the first second after a pause of the whole bot | {first_second_after_pause} |
| presses; the longest took | {presses}; {longest_press_seconds:g} s |
| **of that, waited behind others and not for Telegram, <= 2 s** | **{longest_press_behind_others_seconds:g} s** |
| calls of bulk work answered, longest gap | {bulk_done}, {longest_gap_of_bulk_seconds:g} s |
| calls about people who came in answered, longest gap | {joins_asked}, {longest_gap_of_joins_seconds:g} s |
| mutes while it stormed, which take four answers each | {joins_muted} |
| updates; **lost, given up** | {updates}; **{updates_lost}, {dead_letters}** |
| **muted wrongly, left muted, not muted by their next words, cases left open** | \
**{wrong_mutes}, {stuck_muted}, {not_muted}, {cases_open}** |
| from the end to everything done, everybody having written and then joined | {recovered_in_seconds:.0f} s |

"""

_PHASE = """\
### {name}

`{command}`: {pace}

{note}

| what | figure |
|---|---|
| messages written; updates with what followed from them | {messages}; {updates} |
| **updates nobody acknowledged** | **{updates_lost}** |
| updates acknowledged twice | {acknowledged_twice} |
| **deliveries that failed, <= {most_errors:g} %** | **{errors:g} %** {reasons} |
| put off with 503 and Retry-After, and delivered again | {put_off} |
| answered | {answered} |
| **p99 < {most_p99:g} ms** | **{p99:g} ms** |
| **drift of the median, last tenth to second, < {most_drift:g} %**; none below {grain:g} ms | **{drift:+g} %** |
| strangers; mutes, messages deleted, lifts | {strangers}; {mutes}, {deletions}, {lifts} |
| prompts of a stranger's own; strangers who shared their group's | {prompts}; {sharing} |
| strangers let through once because Telegram or time was short | {let_through} |
| **effects missing, done twice, done to the wrong one** | **{effects_missing}, {doubled}, {wrong_mutes}** |
| **left muted, cases open, dead letters** | **{left_muted}, {cases_open}, {dead_letters}** |
| from the word to the mute | {muted} |
| from joining to the freedom | {freed} |
| Bot API calls, refused | {calls}, {refused} |
| **memory of an instance: before, at its peak (<= {most_memory:g}x), {rest:g} s after** | **{memory}** |
{restarts}| CPU, median share of one core | {cpu} |
| a message written later than due, at worst | {late:g} ms |

![Latency, CPU and memory over time](reliability/{plot})

"""

_FUZZ = """\
## What nobody would send

`make fuzz ARGS='--inputs {inputs} --seed {seed}'`: broken updates go through the webhook, the gate and the handlers,
broken requests through the whole API, broken button data through what reads it; everything around them is fake. A crash
is an exception that nobody expected, or a status that the contract does not know.

{note}

| what | figure |
|---|---|
| inputs | {inputs:,}: {shares} |
| what came of the updates | {ingress}; {update} |
| what the API answered | {api} |
| what came of the button data | {buttons} |
| **crashes** | **{crashes}** |

"""


_ORDER = (_CHAOS, _STORM, _SOAK, *(f"### {phase.name}" for phase in soak.SHORT), _FUZZ)


def page(reports: Sequence[Json], before: str = "") -> tuple[str, dict[str, str]]:
    """Return the page with the parts of these reports renewed, and their plots by name.

    Raises ValueError for two reports of the same: one of them would not show.
    """
    parts, plots, renewed = _parts(before), dict[str, str](), list[str]()
    for report in reports:
        if "kills" in report:
            renewed.append(_chaos(report))
            plots["chaos.svg"] = svg(_chaos_panels(report))
        elif "floods" in report:
            renewed.append(_STORM.format(**{**report, "note": _note(report)}))
        elif "crashes" in report:
            renewed.append(_fuzz(report))
        else:
            parts |= _parts(_SOAK)
            for phase in report["phases"]:
                number = _number(phase)
                renewed.append(_phase(report, phase, number))
                plots[f"soak-{number}.svg"] = svg(_soak_panels(phase, report["sampled_every_seconds"]))
    for heading, times in Counter(map(_heading, renewed)).items():
        if times > 1:
            raise ValueError(f"{times} reports are about: {heading.lstrip('# ')}")
    parts |= _parts("".join(renewed))
    headings = [heading for heading in map(_heading, _ORDER) if heading in parts]
    return (_HEAD + "".join(parts[heading] for heading in headings)).rstrip() + "\n", plots


def _heading(part: str) -> str:
    return part.partition("\n")[0]


def _parts(text: str) -> dict[str, str]:
    """Cut a page into its parts, by their headings."""
    cut = re.split(r"^(?=##)", text, flags=re.MULTILINE)[1:]
    return {_heading(part): part.rstrip() + "\n\n" for part in cut}


def _chaos(report: Json) -> str:
    kills, note = report["kills"], _note(report)
    told = ", ".join(f"{count} of {name}" for name, count in sorted(kills.items()))
    moments = [at for at, _ in report["kill_log"]]
    quiet = max(later - earlier for earlier, later in zip([0.0, *moments], [*moments, report["seconds"]], strict=True))
    own = {
        "kills": f"{sum(kills.values())} ({told})",
        "acts": sum(report["acts"].values()),
        "note": note,
        "quiet": f"{quiet:.1f}",
        "detected": _within(report["detected_seconds"]),
        "resumed": _within(report["resumed_seconds"]),
    }
    return _CHAOS.format(**{**report, **own})


def _within(seconds: Sequence[float]) -> str:
    if not seconds:
        return "not measured"
    return f"median {median(seconds):.1f} s, **at most {max(seconds):.1f} s** ({len(seconds)} kills)"


def _chaos_panels(report: Json) -> list[Panel]:
    lanes = sorted(report["kills"])
    kills = [
        Series(points=[(at, lanes.index(name) + 1) for at, name in report["kill_log"]], colour=5, dots=True),
    ]
    delays = [
        Series(points=[(each, 1.0) for each in report["resumed_seconds"]], colour=1, dots=True),
        Series(points=[(each, 2.0) for each in report["detected_seconds"]], colour=2, dots=True),
    ]
    limits = [(2.0, "2 s"), (chaos.MOST_RESUMED_SECONDS, "5 s")]
    most = max(6.0, *report["resumed_seconds"], *report["detected_seconds"])
    return [
        Panel(title="Kills", series=kills, unit_x="s", most_x=report["seconds"], lanes=lanes, height=150),
        Panel(
            title="Seconds after the kill of an instance: dead to the others, its work taken up",
            series=delays,
            unit_x="s",
            most_x=most,
            lanes=["resumed", "noticed"],
            limits_x=limits,
            height=120,
        ),
    ]


def _fuzz(report: Json) -> str:
    told = dict[str, list[str]]()
    for outcome, count in sorted(report["outcomes"].items()):
        target, _, what = outcome.partition(" ")
        told.setdefault(target, []).append(f"{what.replace('_', ' ')} ({count:,})")
    inputs = report["inputs"]
    return _FUZZ.format(
        **{target: ", ".join(told.get(target, ["nothing"])) for target in ("ingress", "update", "api", "buttons")},
        inputs=sum(inputs.values()),
        seed=report["seed"],
        note=_note(report),
        shares=", ".join(f"{count:,} {name}" for name, count in inputs.items()),
        crashes=len(report["crashes"]),
    )


def _number(phase: Json) -> int:
    """Return which phase of the soak this is, as `--phases` counts them."""
    return [each.name for each in soak.SHORT].index(phase["phase"]["name"]) + 1


def _phase(whole: Json, report: Json, number: int) -> str:
    phase, counts = report["phase"], report["counts"]
    reasons = ", ".join(f"{count} x {reason}" for reason, count in counts["failed_attempts"].items())
    memory = (report[name] for name in ("baseline_mb", "peak_mb", "after_mb"))
    before = report["before_restart_mb"]
    told, grown = ", ".join(f"{each:g}" for each in before), report["growth_mb_per_hour"]
    slope = (
        f"| memory of the instance that is never restarted, second half | {grown:+g} MB an hour |\n" if grown else ""
    )
    return _PHASE.format(
        **{
            "put_off": "not told apart",
            "sharing": "not told apart",
            **report,
            **counts,
            **{name: _times(report[name]) for name in ("answered", "muted", "freed")},
        },
        name=phase["name"],
        pace=_pace(report),
        most_errors=soak.MOST_ERRORS_PERCENT,
        most_p99=soak.MOST_P99_MS,
        most_drift=soak.MOST_DRIFT_PERCENT,
        grain=soak.DRIFT_GRAIN_MS,
        most_memory=soak.MOST_MEMORY,
        rest=soak.REST_SECONDS,
        errors=report["errors_percent"],
        reasons=f"({reasons})" if reasons else "",
        drift=report["drift_percent"],
        p99=report["answered"]["p99"],
        memory=", ".join(f"{max(each.values()):.0f} MB" for each in memory),
        restarts=f"| **memory before each restart, in MB: no growth** | **{told}** |\n{slope}" if before else slope,
        cpu=", ".join(f"{name} {_cpu(readings):.0f} %" for name, readings in report["readings"].items()),
        doubled=sum(counts["effects_doubled"].values()),
        late=report["generator_late_ms"],
        refused=sum(counts["refused_calls"].values()),
        command=f"{'FULL=1 ' if whole['full'] else ''}make soak ARGS='--phases {number}'",
        note=_note(whole),
        plot=f"soak-{number}.svg",
    )


def _pace(report: Json) -> str:
    phase = report["phase"]
    restarts = f" {phase['restarts']} times an instance is restarted; the last one never." if phase["restarts"] else ""
    return (
        f"{report['instances']} instances, {phase['seconds']:.0f} s, {phase['rate']:g} messages/s from "
        f"{phase['members']} members in {phase['groups']} groups, "
        f"{100 * phase['strangers']:g} % of them strangers; {report['connections']} connections.{restarts}"
    )


def _times(found: Json) -> str:
    shares = ", ".join(f"{name} {found[name]:g}" for name in ("p50", "p95", "p99", "p999", "max"))
    return f"{shares.replace('p999', 'p99.9')} ms ({found['samples']} samples)"


def _cpu(readings: Sequence[Json]) -> float:
    return median(each["cpu_percent"] for each in readings[1:]) if len(readings) > 1 else 0.0


def _soak_panels(report: Json, every: float) -> list[Panel]:
    most = max(each["at"] for readings in report["readings"].values() for each in readings)
    shares = (("p50", 1), ("p99", 2))
    latency = [
        Series(points=[(each["at"] + every / 2, each[name]) for each in report["timeline"]], colour=colour, label=name)
        for name, colour in shares
    ]
    return [
        Panel(
            title="Milliseconds until Telegram has its answer",
            series=latency,
            unit_x="s",
            most_x=most,
            logarithmic=True,
            limits=[(soak.MOST_P99_MS, "ceiling of p99")],
        ),
        Panel(title="CPU, percent of one core", series=_by_process(report, "cpu_percent"), unit_x="s", most_x=most),
        Panel(
            title="Memory, MB",
            series=[each for each in _by_process(report, "memory_mb") if each.label != _OURS],
            unit_x="s",
            most_x=most,
            limits=[(soak.MOST_MEMORY * max(report["baseline_mb"].values()), "ceiling of an instance")],
        ),
    ]


def _by_process(report: Json, what: str) -> list[Series]:
    found, colours = list[Series](), {_OURS: 5, "nginx": 3, "PostgreSQL": 2, "Valkey": 4}
    for name, readings in report["readings"].items():
        points = [(each["at"], each[what]) for each in _without_the_first(readings, what)]
        label = "instances" if name == "instance 1" else "" if name.startswith("instance") else name
        found.append(Series(points=points, colour=colours.get(name, 1), label=label))
    return found


def _without_the_first(readings: Sequence[Json], what: str) -> Iterable[Json]:
    """Leave out the first share of CPU: there is none before it to compare with."""
    return readings[1:] if what == "cpu_percent" else readings


def _note(report: Json) -> str:
    return Note(**report["note"]).sentence()


def main() -> None:
    """Read the reports that are named; renew their parts of the page, and their plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", type=Path, metavar="REPORT.json", help="of any of the four, in any order")
    reports = [json.loads(report.read_text(encoding="utf-8")) for report in parser.parse_args().reports]
    known = _DOCS / "RELIABILITY.md"
    try:
        text, plots = page(reports, known.read_text(encoding="utf-8") if known.exists() else "")
    except ValueError as error:
        parser.error(str(error))
    known.write_text(text, encoding="utf-8")
    (_DOCS / _PLOTS).mkdir(exist_ok=True)
    for name, drawn in plots.items():
        (_DOCS / _PLOTS / name).write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
