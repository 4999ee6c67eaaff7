"""Migrations against a real PostgreSQL."""

import asyncio
import shutil
import sys
import zipfile
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from bot.core.postgres.migrations import (
    BASE,
    CODE_LEVEL,
    MigrationError,
    SchemaTooNewError,
    SchemaTooOldError,
    downgrade,
    ensure_schema,
    migrations_directory,
    read_state,
    upgrade,
)
from bot.domain.errors import StoreUnavailableError

pytestmark = pytest.mark.servers

CHECKOUT = Path(__file__).parents[3]

# Everything a schema consists of, as text that two databases can be compared by.
CATALOGUE = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4
"""


class InstantClock:
    """Sleeps without waiting and counts."""

    def __init__(self) -> None:
        self.slept = 0

    async def sleep(self, _seconds: float) -> None:
        self.slept += 1


async def execute(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(statement)
    await connection.close()


async def fetch(database_url: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(query)
    await connection.close()
    return [tuple(row) for row in rows]


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """Copy the migrations and add one that alters a table and can be undone."""
    directory = tmp_path / "migrations"
    shutil.copytree(migrations_directory(), directory, ignore=shutil.ignore_patterns("__pycache__"))
    version = (directory / "versions" / "0001_initial.py").read_text()
    head = ScriptDirectory(str(migrations_directory())).get_current_head()
    version = version.replace('revision = "0001"', 'revision = "9999"', 1)
    version = version.replace("down_revision = None", f'down_revision = "{head}"').replace("0001_", "9999_")
    (directory / "versions" / "9999_next.py").write_text(version)
    (directory / "sql" / "9999_up.sql").write_text(
        "ALTER TABLE bots ADD COLUMN motto text NOT NULL DEFAULT 'onward';\nCREATE TABLE extra (id int);\n"
    )
    (directory / "sql" / "9999_down.sql").write_text("DROP TABLE extra;\nALTER TABLE bots DROP COLUMN motto;\n")
    return directory


async def test_up_down_up(empty_database_url: str) -> None:
    """The schema goes up, down to nothing, and up again to the same."""
    await upgrade(empty_database_url)
    first = await fetch(empty_database_url, CATALOGUE)
    nothing = await downgrade(empty_database_url, to=BASE)
    left = await fetch(empty_database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    again = await upgrade(empty_database_url)

    assert nothing.revision is None
    assert left == [("alembic_version",)]
    assert again.pending == ()
    assert await fetch(empty_database_url, CATALOGUE) == first


@pytest.mark.slow
async def test_each_migration_undoes_itself(empty_database_url: str) -> None:
    """One step up and down leaves the schema of the step before, for every revision of this release."""
    known = (await read_state(empty_database_url)).known
    before = [BASE, *known[:-1]]
    differing = []
    for earlier, revision in zip(before, known, strict=True):
        expected = await fetch(empty_database_url, CATALOGUE)
        await upgrade(empty_database_url, to=revision)
        await downgrade(empty_database_url, to=earlier)
        found = await fetch(empty_database_url, CATALOGUE)
        if earlier != BASE and found != expected:
            differing.append(revision)
        await upgrade(empty_database_url, to=revision)

    assert differing == []


async def test_data_survives_the_next_release_and_the_way_back(database_url: str, next_release: Path) -> None:
    """Rows written under this release live through an upgrade and a downgrade."""
    await execute(database_url, "INSERT INTO bots (bot_id, username, token_encrypted) VALUES (7, 'gate', '')")
    head = (await read_state(database_url)).head
    await upgrade(database_url, directory=next_release)
    upgraded = await fetch(database_url, "SELECT username, motto FROM bots")
    await downgrade(database_url, to=head, directory=next_release)
    back = await fetch(database_url, "SELECT username FROM bots")

    assert upgraded == [("gate", "onward")]
    assert back == [("gate",)]
    assert (await read_state(database_url)).pending == ()


async def test_template_is_the_sum_of_the_migrations(database_url: str, empty_database_url: str) -> None:
    """Tests start from exactly what the migrations make of an empty database."""
    await upgrade(empty_database_url)

    assert await fetch(database_url, CATALOGUE) == await fetch(empty_database_url, CATALOGUE)


async def test_failing_migration_leaves_nothing_behind(database_url: str, next_release: Path) -> None:
    """A script that fails in its last statement undoes its first, and the revision stays."""
    script = next_release / "sql" / "9999_up.sql"
    script.write_text(script.read_text() + "SELECT no_such_function();\n")
    before = await fetch(database_url, CATALOGUE)
    with pytest.raises(MigrationError, match="no_such_function"):
        await upgrade(database_url, directory=next_release)

    assert await fetch(database_url, CATALOGUE) == before
    assert (await read_state(database_url)).pending == ()


async def test_busy_table_is_tried_again_and_named(
    database_url: str, next_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration does not queue for ever behind a long transaction, nor hold up everybody behind itself."""
    monkeypatch.setattr("bot.core.postgres.alembic_runner._SETTINGS", "SET LOCAL lock_timeout = '20ms'")
    clock = InstantClock()
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("SELECT * FROM bots")
        with pytest.raises(MigrationError, match="busy"):
            await upgrade(database_url, directory=next_release, clock=clock)
    await connection.close()
    state = await upgrade(database_url, directory=next_release, clock=clock)

    assert clock.slept == 4
    assert state.revision == "9999"


async def test_five_processes_at_once(empty_database_url: str) -> None:
    """Of five instances that start on an empty database one migrates and all start."""
    program = (
        "import asyncio, sys; from bot.core.postgres.migrations import ensure_schema;"
        "state = asyncio.run(ensure_schema(sys.argv[1], migrate=True));"
        "print(state.revision, 'sqlalchemy' in sys.modules)"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, empty_database_url, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(5)
    ]
    outputs = [(await process.communicate())[0].split() for process in processes]
    head = (await read_state(empty_database_url)).head.encode()

    assert [output[0] for output in outputs] == [head] * 5
    assert [output[1] for output in outputs].count(b"True") == 1


async def test_current_schema_imports_no_alembic(database_url: str) -> None:
    """A start on a current schema does not pay for SQLAlchemy."""
    program = (
        "import asyncio, sys; from bot.core.postgres.migrations import ensure_schema;"
        "asyncio.run(ensure_schema(sys.argv[1], migrate=True));"
        "print(sorted({'sqlalchemy', 'alembic'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, database_url, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert output == b"[]\n"


async def test_newer_schema_is_accepted(database_url: str, next_release: Path) -> None:
    """A schema of the next release is fine as long as it does not ask for newer code."""
    await upgrade(database_url, directory=next_release)
    state = await ensure_schema(database_url, migrate=True)

    assert state.is_newer
    assert state.revision == "9999"


async def test_newer_schema_that_asks_for_newer_code_is_refused(database_url: str) -> None:
    """The refusal names what the schema needs and what this release is."""
    await execute(database_url, "UPDATE schema_requirements SET min_code = min_code + 1")
    with pytest.raises(SchemaTooNewError) as caught:
        await ensure_schema(database_url, migrate=True)

    assert f"needs code level {CODE_LEVEL + 1}" in str(caught.value)
    assert f"has code level {CODE_LEVEL}" in str(caught.value)


async def test_only_the_newer_release_goes_back(database_url: str, next_release: Path) -> None:
    """This release does not pretend to undo a migration that it does not have."""
    await upgrade(database_url, directory=next_release)
    with pytest.raises(MigrationError, match="newer release"):
        await downgrade(database_url, to=BASE)

    assert (await read_state(database_url)).revision == "9999"


async def test_instance_that_may_not_migrate_refuses_an_old_schema(empty_database_url: str) -> None:
    """With MIGRATE_ON_START=0 the instance says what to run, and changes nothing."""
    with pytest.raises(SchemaTooOldError, match="gmbot migrate"):
        await ensure_schema(empty_database_url, migrate=False)

    assert (await read_state(empty_database_url)).revision is None


async def test_unknown_revision_is_named(database_url: str) -> None:
    """A misspelt revision is an error that lists the known ones."""
    with pytest.raises(MigrationError, match="no revision 0x1; this release knows 0001"):
        await upgrade(database_url, to="0x1")


async def test_waiting_for_another_migration_has_a_bound(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance that hangs while it migrates does not make the others wait for ever."""
    monkeypatch.setattr("bot.core.postgres.migrations._LOCK_TIMEOUT_SECONDS", 0.05)
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", 0x676D626F74)
        with pytest.raises(MigrationError, match="another instance has been migrating"):
            await upgrade(database_url)
    await connection.close()


async def test_absent_server_is_a_store_that_is_away() -> None:
    """Nobody on the port is reported in the terms the rest of the bot knows."""
    with pytest.raises(StoreUnavailableError):
        await read_state("postgresql://nobody@127.0.0.1:1/none")


def test_revisions_are_one_line() -> None:
    """Alembic sees the same order of revisions as the file names say, without branches."""
    directory = migrations_directory()
    config = Config()
    config.set_main_option("script_location", str(directory))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    walked = [script.revision for script in scripts.walk_revisions()]
    files = sorted(path.name[:4] for path in (directory / "versions").glob("[0-9]*.py"))

    assert list(reversed(walked)) == files
    assert len(scripts.get_heads()) == 1


def unpack_only_wheel(directory: Path, target: Path) -> None:
    (path,) = directory.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        wheel.extractall(target)


async def test_wheel_carries_the_migrations(tmp_path: Path) -> None:
    """An installed wheel finds its migrations inside the package."""
    build = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)),
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await build.wait()
    installed = tmp_path / "installed"
    unpack_only_wheel(tmp_path, installed)
    program = (
        "from bot.core.postgres.migrations import migrations_directory as d; "
        "print(d()); print(len(list(d().rglob('*.sql'))))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=tmp_path, env={"PYTHONPATH": str(installed)}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert output.decode().splitlines()[0] == str(installed / "bot" / "_migrations")
    assert int(output.split()[-1]) >= 2
