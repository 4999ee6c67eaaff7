"""The database optimizer, on a seed of its own that is as small as can be."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from rich.console import Console

from bot.utils.db_optimizer import analyze_query_performance, check_database_health, suggest_indexes
from bot.utils.optimizer.advice import own_indexes
from bot.utils.optimizer.report import document, page, sheets_of, show
from bot.utils.optimizer.scale import TINY, Scale
from bot.utils.optimizer.study import CRITICAL, Effort, study
from bot.utils.optimizer.targets import targets

pytestmark = pytest.mark.servers

_SCALE = Scale(
    "smallest", bots=3, groups=300, channels=60, cases=3_000, members=3_000, events=3_000, updates=500, actions=500,
    audit=500,
)  # fmt: skip
_EFFORT = Effort(runs=6, naive_seconds=0.05, pool_sizes=(2, 8), pool_seconds=0.1, pool_rounds=1)


@pytest.mark.slow
async def test_a_study_measures_everything_and_judges_it() -> None:
    """Whatever it finds: the figures are there, in tables, as JSON and as a page that says how it was made."""
    said: list[str] = []
    found = await study(_SCALE, _EFFORT, say=lambda what, _: said.append(what))

    judged = targets(found)
    content = json.loads(json.dumps(document(found, judged), default=str))
    text = page("the command", "smallest", sheets_of(found, judged))
    console = Console(width=200, record=True)
    show(console, sheets_of(found, judged))
    assert {"indexes", "statements", "without indexes", "pools", "updates"} <= set(said)
    assert content["passed"] == all(target.is_met for target in judged)
    assert {each["name"] for each in content["targets"]} == {target.name for target in judged}
    assert set(CRITICAL) <= {each["statement"] for each in content["comparisons"]}
    assert all(0 < each["median_ms"] <= each["p95_ms"] <= each["max_ms"] for each in content["statements"])
    assert found.reuse >= 0.98
    assert text.startswith("# What the database costs\n\nMade by `the command`")
    assert "get_group_events" in console.export_text()


async def test_an_operator_s_database_is_looked_at(database_url: str) -> None:
    """Empty, it has nothing to measure, and nothing is wrong with it."""
    assert await analyze_query_performance(database_url) == []
    assert (await check_database_health(database_url)).is_healthy
    assert await suggest_indexes(database_url) == []


def test_the_command_explains_itself(tmp_path: Path) -> None:
    """Without any setting, server or network."""
    outcome = subprocess.run(
        [sys.executable, "-m", "bot.utils.db_optimizer", "--help"],
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stderr
    assert "--quick" in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.slow
async def test_an_empty_database_is_seeded(empty_database_url: str) -> None:
    """With the schema, rows in every table, and every index; a second time is refused."""
    command = (sys.executable, "-m", "scripts.seed_database", empty_database_url, "--tiny")
    first, second = [
        await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False) for _ in range(2)
    ]

    connection = await asyncpg.connect(empty_database_url)
    events = await connection.fetchval("SELECT count(*) FROM verification_events")
    elsewhere = await connection.fetchval("SELECT count(*) FROM verification_events_rest")
    indexes = await connection.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")
    await connection.close()
    assert (first.returncode, second.returncode) == (0, 1), first.stderr
    assert (events, elsewhere) == (TINY.events, 0)
    assert own_indexes().keys() <= {row["indexname"] for row in indexes}
    assert second.stderr.startswith("seed_database: the database holds bots already")
