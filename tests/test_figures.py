"""Measured figures in the documents: made by a command, or beside the name of one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import capacity_page
from tests.benchmarks.performance import FIGURES, PAGE, page, plots
from tests.test_architecture import ROOT, documents, name_of

# What nobody knows without measuring: throughput, percentiles, microseconds, ratios, memory for each of something.
# Times that are promised or configured, such as a time-out of 2 s, are not among it; tests hold those.
_MEASURED = re.compile(
    r"""
    \d[\d.,]*\s*(?:µs|microseconds?)\b
    | \d[\d.,]*\s*(?:updates|messages|requests|verifications|calls|statements)\s*(?:/\s*s\b|(?:per|a|each)\s+second)
    | \b(?:p50|p95|p99|percentile|median)\b[^|\n]{0,30}?\d[\d.,]*\s*(?:ms|s|µs)\b
    | \d[\d.,]*\s*(?:x|times|%|per\s+cent)\s+(?:as\s+)?(?:faster|slower|less|more|fewer|cheaper|quicker)\b
    | \d[\d.,]*\s*(?:B|bytes|KiB|kB|MiB|MB)\s+(?:per|for\s+each|each|a)\s+\w+
    | \b(?:hit\s+rate|throughput)\b[^|\n]{0,30}?\d
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What makes a figure checkable: the command or the test that shows it, or a page that a command made.
_SOURCE = re.compile(
    r"`(?:make [a-z]|python -m |python tests/|gmbot |tests/)|\]\([\w./-]*(?:PERFORMANCE|RELIABILITY|CAPACITY)\.md"
)
_MADE = re.compile(r"^Made by `(?:make |python -m )", re.MULTILINE)


def paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs and rows of tables, without blocks of code."""
    for block in re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).split("\n\n"):
        yield from block.splitlines() if block.lstrip().startswith("|") else [" ".join(block.split())]


def unfounded(path: Path) -> Iterator[str]:
    """Yield the measured figures of a document that no command stands beside."""
    text = path.read_text(encoding="utf-8")
    if _MADE.search(text.partition("\n## ")[0]):
        return
    for paragraph in paragraphs(text):
        found = _MEASURED.search(paragraph)
        if found and not _SOURCE.search(paragraph):
            yield f"{name_of(path)}: {found[0]!r} in {paragraph[:80]!r}"


def test_measured_figures_come_from_commands() -> None:
    """A document that states what was measured is made by a command, or names one in the same paragraph."""
    assert [fault for path in documents() for fault in unfounded(path)] == []


@pytest.mark.parametrize(
    "claim",
    [
        "A decision takes 3.2 µs.",
        "One core takes 40,000 updates/s.",
        "It answers 1,200 requests per second.",
        "The p95 is 12 ms.",
        "| latency, p99 | 4 ms |".replace(" | ", " "),
        "It needs 5.5 times less of it, 82 % fewer calls.",
        "An entry costs 180 bytes per membership.",
        "With a hit rate of 98 %.",
    ],
)
def test_a_claim_without_a_command_is_noticed(claim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above sees what it looks for, and is content when a command stands beside it."""
    monkeypatch.setattr("tests.test_architecture.ROOT", tmp_path)
    document = tmp_path / "page.md"
    document.write_text(f"# A page\n\n{claim}\n")
    bare = list(unfounded(document))
    document.write_text(f"# A page\n\n{claim} `make bench` shows it.\n")

    assert len(bare) == 1
    assert list(unfounded(document)) == []


@pytest.mark.parametrize(
    "promise", ["A call takes 2 s at most.", "Answers live 600 s ± 15 %.", "The body is at most 1 MiB.", "In 5 steps."]
)
def test_what_is_configured_is_no_measurement(promise: str) -> None:
    """Time-outs, bounds and times to live are promises of the code."""
    assert _MEASURED.search(promise) is None


def test_the_page_on_performance_is_what_was_measured() -> None:
    """Nobody has touched the page or its plots since the command made them."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))

    assert PAGE.read_text(encoding="utf-8") == page(figures)
    for name, drawn in plots(figures).items():
        assert (FIGURES.parent / name).read_text(encoding="utf-8") == drawn


def test_the_page_on_capacity_is_what_was_measured() -> None:
    """The same of what it carries."""
    figures = json.loads(capacity_page.FIGURES.read_text(encoding="utf-8"))

    assert capacity_page.PAGE.read_text(encoding="utf-8") == capacity_page.page(figures)


def test_the_figures_are_of_this_project() -> None:
    """Every figure says whether its target was met, and by what it was judged."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))

    assert [row["name"] for row in figures["rows"] if row["target"] and row["passed"] is None] == []
    assert (ROOT / "bot" / "utils" / "benchmark.py").exists()
