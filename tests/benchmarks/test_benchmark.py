"""The benchmark itself: every section runs and yields its rows; verdicts and figures are counted right."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bot.utils import benchmark
from bot.utils.benchmarks import effort, ingress
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.ingress import Rival
from bot.utils.benchmarks.results import Report, Row, Target, summary
from bot.utils.benchmarks.tables import number, show

TINY = Effort(
    samples=5,
    journeys=2,
    rounds=1,
    seconds=0.1,
    groups=(10, 20),
    memberships=(100,),
    bots=(1,),
    calls=50,
    starts=1,
    warmed=3,
)


def test_a_sample_in_figures() -> None:
    """Percentiles are values of the sample: the smallest that so many do not exceed."""
    figures = summary(range(1, 101))

    assert (figures.median, figures.p95, figures.p99, figures.low, figures.high) == (50.5, 95, 99, 1, 100)
    assert figures.mean == 50.5
    assert summary([3.0]).p99 == 3.0


@pytest.mark.parametrize(
    ("target", "met", "missed"),
    [
        (Target("<", 10), 9.9, 10),
        (Target("<=", 10), 10, 10.1),
        (Target(">", 95), 95.1, 95),
        (Target(">=", 5), 5, 4.9),
    ],
)
def test_a_target_has_a_side(target: Target, met: float, missed: float) -> None:
    """The limit itself counts as the sign says."""
    assert target.met(met)
    assert not target.met(missed)


def test_what_is_missed_is_said() -> None:
    """A row on the wrong side of its target fails the report, in the table and in JSON."""
    report = Report(quick=True)
    report.sampled("stores", "a read", [1.0, 2.0, 30.0], "ms", p95=Target("<", 10))
    report.single("stores", "a figure without a target", 12_345.6, "B")
    report.skipped["a rival"] = "it is not here"
    shown = StringIO()
    show(report, Console(file=shown, width=200))

    assert report.missed == [report.rows[0]]
    assert report.as_json()["passed"] is False
    assert "FAIL" in shown.getvalue()
    assert "left out: a rival: it is not here" in shown.getvalue()
    assert "0 of 1 targets met, 1 missed" in shown.getvalue()


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (3.14159, "3.14"), (0.012345, "0.0123"), (12_345.6, "12,346")])
def test_figures_are_short(value: float, text: str) -> None:
    """Three digits that mean something."""
    assert number(value) == text


def test_a_row_without_a_target_has_no_verdict() -> None:
    """Neither passed nor failed."""
    assert Row("s", "n", 1.0, "ms").passed is None


def test_a_rival_that_is_not_there_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an installed package there is no script, and an operator has no other frameworks."""
    rival = Rival("a rival", "rival.py", ("json", "no_such_framework"), Target(">=", 10))
    monkeypatch.setattr(ingress, "RIVALS", tmp_path)
    without_script = ingress.missing(rival)
    (tmp_path / "rival.py").touch()

    assert without_script == "it is in the repository only, not in the installed package"
    assert str(ingress.missing(rival)).startswith("it needs no_such_framework")


def test_a_section_that_there_is_not_is_refused() -> None:
    """Nothing is measured, so nothing passes."""
    outcome = CliRunner().invoke(benchmark.build_cli(), ["--only", "storse"], env={"COLUMNS": "200"})

    assert outcome.exit_code == 2
    assert "there is no section storse; there are stores, " in outcome.output


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.processes
@pytest.mark.timeout(300)
def test_every_section_yields_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole command, with the smallest samples: nothing is judged here but that it measures and ends."""
    monkeypatch.setattr(effort, "quick", lambda: TINY)
    file = tmp_path / "figures.json"
    cli = benchmark.build_cli()
    outcome = CliRunner().invoke(cli, ["--quick", "--json", str(file)])

    report = json.loads(file.read_text())
    assert outcome.exit_code == (0 if report["passed"] else 1), outcome.output
    assert {row["section"] for row in report["rows"]} == {
        "stores",
        "starts",
        "journeys",
        "warming",
        "memory",
        "ingress",
        "parts",
        "outgoing",
        "growth",
    }
    assert [len(curve["points"]) for curve in report["curves"]] == [2]
    names = " ".join(row["name"] for row in report["rows"])
    assert "Bot API calls per message of a verified member" in names
    assert {row["figure"] for row in report["rows"] if row["name"].startswith("Bot API calls per message")} == {0}
