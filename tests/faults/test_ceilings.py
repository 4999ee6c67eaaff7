"""A report of chaos or soak says what is wrong, and the page says what was measured."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from xml.parsers.expat import ParserCreate

import pytest

from bot.simulator import Delivery
from tests.faults import chaos, fuzz, soak, storm
from tests.faults.meters import Reading
from tests.faults.reliability import page
from tests.faults.stage import percentile
from tests.faults.tally import Counts, is_put_off, milliseconds


def healthy() -> soak.PhaseReport:
    """Return the report of a phase in which nothing went wrong."""
    times = milliseconds([0.002, 0.003, 0.004])
    return soak.PhaseReport(
        phase=soak.SHORT[2],
        instances=1,
        connections=100,
        counts=Counts(messages=3, updates=3, acknowledged=3, failed_attempts=Counter({"502 Bad Gateway": 1})).plain(),
        answered=times,
        muted=times,
        freed=times,
        timeline=[{"at": 0.0, **times}, {"at": 5.0, **times}],
        baseline_mb={"instance 1": 100.0},
        peak_mb={"instance 1": 110.0},
        after_mb={"instance 1": 105.0},
        before_restart_mb=[100.0, 101.0],
        readings={"instance 1": [Reading(0, 0, 100), Reading(5, 20, 110), Reading(10, 10, 105)]},
    )


Break = Callable[[soak.PhaseReport], None]

BREAKS: dict[str, Break] = {
    "updates_lost": lambda report: setattr(report, "updates_lost", 1),
    "effects_missing": lambda report: setattr(report, "effects_missing", 1),
    "effects_doubled": lambda report: report.counts["effects_doubled"].update(mute=1),
    "wrong_mutes": lambda report: report.counts.update(wrong_mutes=1),
    "errors": lambda report: setattr(report, "errors_percent", 0.03),
    "p99": lambda report: report.answered.update(p99=500.0),
    "drift": lambda report: setattr(report, "drift_percent", 20.0),
    "memory of": lambda report: report.peak_mb.update({"instance 1": 201.0}),
    "afterwards": lambda report: report.after_mb.update({"instance 1": 126.0}),
    "from restart to restart": lambda report: setattr(report, "before_restart_mb", [100.0, 111.0]),
}


def test_a_healthy_report_has_no_faults() -> None:
    """Nothing lost, everything below its ceiling."""
    assert healthy().faults == []


@pytest.mark.parametrize("name", BREAKS)
def test_each_broken_ceiling_is_named(name: str) -> None:
    """One fault is found for one ceiling that is broken."""
    report = healthy()
    BREAKS[name](report)

    (fault,) = report.faults
    assert name in fault


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"), [(503, 1, True), (503, None, False), (502, 1, False), (None, None, False)]
)
def test_an_update_that_is_put_off_is_no_failure(
    status: int | None, retry_after: int | None, *, expected: bool
) -> None:
    """Telegram asks again when it was told to; a proxy without instances says neither 503 nor when."""
    attempt = Delivery(1, 2, 3, "message", 4, 1, "http://x/", 0.0, status=status, retry_after=retry_after)

    assert is_put_off(attempt) == expected


def test_a_slow_takeover_is_named() -> None:
    """Noticing a dead instance and taking up its work have their limits."""
    report = chaos.Report(detected_seconds=[1.0, 2.2], resumed_seconds=[3.0, 5.1])

    assert report.faults == []
    assert report.slow == ["detected after 2.2 s", "resumed after 5.1 s"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("started_in_pause", 1),
        ("updates_lost", 1),
        ("stuck_muted", 1),
        ("longest_press_behind_others_seconds", 2.1),
        ("joins_asked", 0),
        ("bulk_done", 0),
    ],
)
def test_what_a_storm_must_not_do_is_named(name: str, value: float) -> None:
    """One call inside a pause, one loss, one press that waits for others, somebody who starves."""
    calm = storm.Report(floods=1, presses=1, joins_asked=1, bulk_done=1)

    assert calm.faults == []
    assert len(replace(calm, **{name: value}).faults) == 1  # type: ignore[arg-type]  # names are the report's own


def test_the_page_and_its_plots() -> None:
    """All reports become one page; each plot that it shows is there and well-formed."""
    kills = chaos.Report(seconds=30, kills={"instance": 1, "redis": 1}, resumed_seconds=[3.0], detected_seconds=[1.5])
    kills = replace(kills, kill_log=[(8.0, "instance"), (16.0, "redis")])
    loaded = soak.Report(seed=1, sampled_every_seconds=5, phases=[healthy()])

    stormy, fuzzed = storm.Report(seconds=300, floods=5), fuzz.Findings(7, outcomes=Counter({"update not_json": 12}))
    reports = [asdict(stormy), asdict(kills), fuzzed.report(), asdict(loaded)]

    text, plots = page([json.loads(json.dumps(each)) for each in reports])

    assert "| calls, answered with 429 | 0, 5 |" in text
    assert "at most 3.0 s" in text
    assert "1 x 502 Bad Gateway" in text
    assert "| what came of the updates | nothing; not json (12) |" in text
    assert "`make soak ARGS='--phases 3'`" in text
    assert [line for line in text.splitlines() if line.startswith("#")][1:] == [
        "## Something is killed all the time",
        "## Telegram asks to wait, again and again",
        "## Under load",
        "### instances restarted under load",
        "## What nobody would send",
    ]
    assert sorted(plots) == ["chaos.svg", "soak-3.svg"]
    for name, plot in plots.items():
        assert f"reliability/{name}" in text
        ParserCreate().Parse(plot, True)  # noqa: FBT003 - the parser's own signature: it is the end


def test_a_report_renews_its_own_part_of_the_page() -> None:
    """What takes hours need not be done again for what takes a minute."""
    stormy, loaded = storm.Report(floods=5), soak.Report(seed=1, sampled_every_seconds=5, phases=[healthy()])
    text, _ = page([asdict(loaded), asdict(stormy)])

    renewed, plots = page([asdict(replace(stormy, floods=7))], text)

    assert "### instances restarted under load" in renewed
    assert renewed == text.replace("| 0, 5 |", "| 0, 7 |")
    assert not plots


def test_two_reports_of_the_same_are_refused() -> None:
    """The one that failed would not show."""
    loaded = soak.Report(seed=1, sampled_every_seconds=5, phases=[healthy(), healthy()])

    with pytest.raises(ValueError, match="2 reports are about: instances restarted under load"):
        page([asdict(loaded)])


def test_percentiles_are_of_sorted_samples() -> None:
    """And are values that were measured."""
    found = milliseconds(number / 1000 for number in reversed(range(1000)))

    assert (found["p50"], found["p99"], found["max"]) == (500, 990, 999)
    assert percentile([], 0.5) == 0
