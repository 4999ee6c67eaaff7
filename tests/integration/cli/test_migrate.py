"""`gmbot migrate` as an operator or a script calls it."""

import asyncio
import json

import asyncpg
import pytest
import typer
from typer.testing import CliRunner, Result

from bot.cli.migrate import migrate

pytestmark = pytest.mark.servers

ABSENT = "postgresql://nobody@127.0.0.1:1/none"


def run(database_url: str, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(migrate)
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ENCRYPTION_KEY": "c2l4dGVlbiBieXRlcyBhbmQgYXMgbWFueSBtb3Jl",
    }
    return CliRunner().invoke(app, arguments, env=environment)


def test_up_and_back(empty_database_url: str) -> None:
    """Without options the schema becomes this release's; `--to base` takes it back."""
    up = run(empty_database_url)
    down = run(empty_database_url, "--to", "base", "--json")

    assert up.exit_code == 0
    assert up.output.endswith("which is this release's.\n")
    assert json.loads(down.output)["revision"] is None


def test_check_tells_pending_and_changes_nothing(empty_database_url: str) -> None:
    """`--check` fails while migrations are missing, as often as it is asked."""
    first = run(empty_database_url, "--check")
    second = run(empty_database_url, "--check", "--json")

    assert first.exit_code == 1
    assert first.output.startswith("The schema is at nothing; to run: 0001")
    assert second.exit_code == 1
    assert json.loads(second.output)["pending"][0] == "0001"


def test_check_passes_on_a_current_schema(database_url: str) -> None:
    """`--check` succeeds when nothing is missing."""
    result = run(database_url, "--check", "--json")

    assert result.exit_code == 0
    assert json.loads(result.output)["pending"] == []


async def test_check_fails_on_a_schema_for_newer_code(database_url: str) -> None:
    """`--check` fails where an instance would refuse to start."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE schema_requirements SET min_code = 99")
    await connection.close()
    result = await asyncio.to_thread(run, database_url, "--check")

    assert result.exit_code == 1
    assert "needs code level 99" in result.output


@pytest.mark.parametrize(("arguments", "expected"), [(("--to", "zzz"), "no revision zzz"), ((), "does not answer")])
def test_faults_are_one_sentence(arguments: tuple[str, ...], expected: str, empty_database_url: str) -> None:
    """What goes wrong is said on one line, with no traceback."""
    result = run(empty_database_url if arguments else ABSENT, *arguments)

    assert result.exit_code == 1
    assert expected in result.output
    assert result.output.count("\n") == 1
