"""Every promise in openspec/ is well formed and has a test."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SPECS = ROOT / "openspec" / "specs"
TEST = re.compile(r"`(tests/[\w/.]+\.py)::(\w+)`")


@dataclass(frozen=True)
class Scenario:
    """One scenario of a requirement."""

    spec: str
    requirement: str
    name: str
    steps: tuple[str, ...]

    @property
    def id(self) -> str:
        """Return what it is called in messages."""
        return f"{self.spec} / {self.requirement} / {self.name}"

    @property
    def tests(self) -> tuple[tuple[str, str], ...]:
        """Return the tests named in its last lines, as (file, function)."""
        return tuple(found for step in self.steps if step.startswith("- **TEST**") for found in TEST.findall(step))


def sections(text: str, mark: str) -> Iterator[tuple[str, str]]:
    """Yield the sections below headings of one level, as (heading, body)."""
    parts = re.split(rf"^{mark} (.+)$", text, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def specs() -> dict[str, str]:
    """Return each capability's specification."""
    return {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(SPECS.glob("*/spec.md"))}


def scenarios() -> Iterator[Scenario]:
    """Yield every scenario."""
    for spec, text in specs().items():
        for requirement, body in sections(text, "### Requirement:"):
            for name, steps in sections(body, "#### Scenario:"):
                yield Scenario(
                    spec, requirement, name, tuple(line for line in steps.splitlines() if line.startswith("- "))
                )


@cache
def functions_of(file: str) -> frozenset[str]:
    """Return the test functions of a file."""
    path = ROOT / file
    if not path.exists():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, functions)
    )


def test_there_are_specs() -> None:
    """The capabilities are specified."""
    assert len(specs()) > 10


def test_every_spec_has_its_parts() -> None:
    """A specification has its title, its purpose and requirements."""
    faulty = [
        spec
        for spec, text in specs().items()
        if not re.match(
            rf"# {spec} Specification\n\n## Purpose\n\n\S.*\n\n## Requirements\n\n### Requirement: ", text, re.DOTALL
        )
    ]

    assert faulty == []


def test_every_requirement_binds_and_is_shown() -> None:
    """A requirement says SHALL before its first scenario and has at least one."""
    faulty = [
        f"{spec} / {requirement}"
        for spec, text in specs().items()
        for requirement, body in sections(text, "### Requirement:")
        if "SHALL" not in body.partition("#### Scenario:")[0] or "#### Scenario:" not in body
    ]

    assert faulty == []


def test_every_scenario_has_an_occasion_and_an_outcome() -> None:
    """A scenario says when and then."""
    faulty = [
        scenario.id
        for scenario in scenarios()
        for word in ("- **WHEN** ", "- **THEN** ")
        if not any(step.startswith(word) for step in scenario.steps)
    ]

    assert faulty == []


def test_names_are_unique() -> None:
    """No two scenarios of a requirement and no two requirements of a specification share a name."""
    names = Counter(scenario.id for scenario in scenarios())
    names.update(f"{spec} / {name}" for spec, text in specs().items() for name, _ in sections(text, "### Requirement:"))

    assert {name: count for name, count in names.items() if count > 1} == {}


def test_every_scenario_has_a_test() -> None:
    """Each scenario ends with at least one test, and each test it names exists."""
    untested = [scenario.id for scenario in scenarios() if not scenario.tests or "**TEST**" not in scenario.steps[-1]]
    lost = [
        f"{scenario.id}: {file}::{name}"
        for scenario in scenarios()
        for file, name in scenario.tests
        if not name.startswith("test_") or name not in functions_of(file)
    ]

    assert untested == []
    assert lost == []


def test_every_test_named_in_a_document_exists() -> None:
    """A page that points at a test points at one that is there."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {(page.name, *found) for page in pages for found in TEST.findall(page.read_text(encoding="utf-8"))}

    assert {(page, file, name) for page, file, name in named if name not in functions_of(file)} == set()
