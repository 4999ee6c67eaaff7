"""The long runs with several instances and servers: `make ha`. Exit status 1 when a ceiling is broken.

Each part brings up what it needs and takes it down again; they run one after the other, because each measures.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
from rich.console import Console
from rich.progress import Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.faults.stage import Note
from tests.ha.checks import Check, Part
from tests.ha.parts import PARTS
from tests.kits.leash import with_own_files


@dataclass
class Outcome:
    """What one part came to."""

    name: str
    title: str
    seconds: float = 0.0
    checks: list[Check] = field(default_factory=list)
    fault: str | None = None

    @property
    def passed(self) -> bool:
        """Whether every ceiling holds."""
        return self.fault is None and all(check.holds for check in self.checks)


async def run_parts(parts: Sequence[Part], progress: Progress) -> list[Outcome]:
    """Run them all, whatever becomes of one of them."""
    return [await _run(part, progress, progress.add_task(part.title, total=None)) for part in parts]


async def _run(part: Part, progress: Progress, line: TaskID) -> Outcome:
    outcome, loop = Outcome(part.name, part.title), asyncio.get_running_loop()
    began = loop.time()

    def say(text: str) -> None:
        progress.update(line, description=f"{part.title}: {text}")

    try:
        async with asyncio.timeout(part.seconds):
            outcome.checks.extend(await part.run(say))
    except TimeoutError:
        outcome.fault = f"not done within {part.seconds:g} s"
    except (Exception, BaseExceptionGroup, pytest.fail.Exception) as error:  # noqa: BLE001 - whatever it is, the other parts go on
        outcome.fault = _told(error)
    if (task := asyncio.current_task()) is not None and task.cancelling():
        # An interruption, which something answered in its own words while it was put away.
        raise asyncio.CancelledError
    outcome.seconds = round(loop.time() - began, 1)
    say("passed" if outcome.passed else "FAILED")
    progress.stop_task(line)
    return outcome


def _told(error: BaseException) -> str:
    """Say what went wrong; a task group says only that something did."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_told, error.exceptions))
    return f"{type(error).__name__}: {error}"


def table(outcomes: Sequence[Outcome]) -> Table:
    """Put every ceiling into one line."""
    found = Table("part", "what", "found", "wanted", "", title="make ha")
    for outcome in outcomes:
        for check in outcome.checks:
            found.add_row(outcome.name, check.what, check.found, check.wanted, "" if check.holds else "BROKEN")
        if outcome.fault:
            found.add_row(outcome.name, "the run itself", outcome.fault, "an end", "BROKEN")
        found.add_row(outcome.name, "time", f"{outcome.seconds:g} s", "", "", end_section=True)
    return found


def report(outcomes: Sequence[Outcome], note: Note) -> dict[str, Any]:
    """Return everything in types that JSON knows."""
    return {"note": asdict(note), "parts": [{**asdict(each), "passed": each.passed} for each in outcomes]}


def main() -> int:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(prog="make ha", description=__doc__)
    parser.add_argument("--only", nargs="*", metavar="PART", choices=[part.name for part in PARTS], default=[])
    parser.add_argument("--json", type=Path, help="write the report there, too")
    wanted = parser.parse_args()
    chosen = [part for part in PARTS if not wanted.only or part.name in wanted.only]
    note, columns = Note(), (TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as progress, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcomes = runner.run(run_parts(chosen, progress))
    Console().print(table(outcomes))
    print(note.sentence())
    if wanted.json:
        wanted.json.write_text(json.dumps(report(outcomes, note), indent=1), encoding="utf-8")
    broken = [each.name for each in outcomes if not each.passed]
    print("FAILED: " + ", ".join(broken) if broken else "passed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(with_own_files(main))
