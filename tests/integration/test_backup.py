"""Backups of a real PostgreSQL: made, checked, restored to a moment; and what is refused."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from bot.app.backups import DeploymentBackups, Retention, backups_of, before_migration
from bot.app.restoring import Restoring
from bot.cli import build_cli
from bot.core.backup.catalogue import DATA, Catalogue
from bot.core.backup.log import SLOT, release_slot, slot_state
from bot.core.backup.sealing import Sealer
from bot.core.backup.tools import Address, find_tools, run
from bot.core.checks import backups as checks
from bot.core.clock import SystemClock
from bot.core.embedded import EmbeddedServers
from bot.core.postgres.migrations import downgrade, ensure_schema, read_state
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.domain.backup import Kind, Why
from bot.domain.errors import BackupError, LiveTargetError
from bot.domain.schedule import parse_schedule
from tests.kits.platform import ENCRYPTION_KEY, eventually
from tests.kits.servers import fresh_database

pytestmark = pytest.mark.servers


@pytest.fixture
def place(servers_home: Path, tmp_path: Path) -> Path:
    """Make a directory for backups and what is restored, which a server's account can pass through."""
    path = servers_home / tmp_path.name
    path.mkdir(mode=0o711)
    path.chmod(0o711)
    return path


def environment(database_url: str, redis_url: str, place: Path, **changes: str) -> dict[str, str]:
    """Return the settings of a deployment."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENCRYPTION_KEY": ENCRYPTION_KEY,
        "BACKUP_DIR": str(place / "backups"),
        **changes,
    }


@pytest.fixture
def settings(database_url: str, redis_url: str, place: Path) -> Settings:
    """Return the settings of a deployment that backs up."""
    return Settings.from_env(environment(database_url, redis_url, place))


def deployment(settings: Settings) -> tuple[DeploymentBackups, Restoring]:
    """Return what makes and what restores the backups of these settings."""
    assert settings.database_url is not None
    assert settings.backup_dir is not None
    catalogue, clock = Catalogue(settings.backup_dir, Sealer(ENCRYPTION_KEY)), SystemClock()
    backups = DeploymentBackups(
        database_url=settings.database_url.get_secret_value(),
        catalogue=catalogue,
        retention=Retention(3, 14),
        spool=None,
        clock=clock,
        log_every_seconds=0.0,
    )
    return backups, Restoring(settings, catalogue, clock, lambda _: None)


async def execute(url: str, *statements: str) -> None:
    """Run statements."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, query: str) -> list[asyncpg.Record]:
    """Run a query."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def reload(url: str) -> None:
    """Have the server read its files again, and wait until whoever comes is let in by what they say."""
    asked = (await fetch(url, "SELECT clock_timestamp() AS now"))[0]["now"]
    await execute(url, "SELECT pg_reload_conf()")

    async def read() -> bool:
        return bool((await fetch(url, "SELECT pg_conf_load_time() AS loaded"))[0]["loaded"] >= asked)

    await eventually(read, "the files are read")


@asynccontextmanager
async def keeping_the_log(backups: DeploymentBackups) -> AsyncIterator[None]:
    """Receive the log meanwhile."""
    task = asyncio.get_running_loop().create_task(backups.keep_log())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
async def without_slot(servers: EmbeddedServers) -> AsyncIterator[None]:
    """Leave no slot behind, which would keep the log of the whole session."""
    yield
    await release_slot(servers.database_url)


@pytest.mark.usefixtures("without_slot")
@pytest.mark.slow
async def test_a_moment_between_two_changes_is_restored(settings: Settings, database_url: str, place: Path) -> None:
    """From an incremental backup and the log kept since; what came later is gone, what came before is there."""
    backups, restoring = deployment(settings)
    await backups.create(Why.COMMAND)
    await execute(database_url, "INSERT INTO dead_letters (bot_id, update_id, body, error) VALUES (1, 1, '', '')")
    made = await backups.create(Why.SCHEDULE)
    async with keeping_the_log(backups):
        await eventually(lambda: backups.log_kept_until is not None, "the log is kept", within=60)
        await execute(database_url, "INSERT INTO dead_letters (bot_id, update_id, body, error) VALUES (1, 2, '', '')")
        between = (await fetch(database_url, "SELECT clock_timestamp() AS now"))[0]["now"]
        await execute(database_url, "DELETE FROM dead_letters")
        later = datetime.now(UTC)
        await eventually(lambda: (backups.log_kept_until or made.begun_at) > later, "all is kept", within=60)
    earlier = await restoring.into_directory(made, place / "earlier", to=between)
    latest = await restoring.rehearse(made)

    assert made.kind is Kind.INCREMENTAL
    assert earlier.rows["dead_letters"] == 2
    assert latest.rows["dead_letters"] == 0
    assert latest.until is not None
    assert latest.until >= between
    with pytest.raises(BackupError, match="does not reach that moment"):
        await restoring.rehearse(made, to=datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(BackupError, match="cannot be made"):
        await restoring.into_directory(made, place / "earlier", to=None)
    assert await asyncio.to_thread(lambda: sorted(path.name for path in place.iterdir())) == ["backups", "earlier"]
    size, files = await restoring.check(made)
    assert size > 0
    assert files > 0


async def test_a_dump_is_restored_into_an_empty_database_only(
    settings: Settings, servers: EmbeddedServers, database_url: str
) -> None:
    """For whom may not copy files, and to change servers."""
    backups, restoring = deployment(settings)
    await execute(database_url, "INSERT INTO dead_letters (bot_id, update_id, body, error) VALUES (1, 1, '', '')")
    made = await backups.create(Why.COMMAND, kind=Kind.DUMP)
    async with fresh_database(servers, template="template1") as empty:
        elsewhere = Restoring(
            settings.model_copy(update={"database_url": SecretStr(empty)}),
            restoring.catalogue,
            restoring.clock,
            restoring.tell,
        )
        restored = await elsewhere.into_database(made)
        audit = await fetch(empty, "SELECT action, detail FROM audit_log ORDER BY audit_id")

    assert restored.rows["dead_letters"] == 1
    assert restored.revision == made.revision
    assert [row["action"] for row in audit] == ["backup_restore"]
    with pytest.raises(LiveTargetError, match="tables already"):
        await restoring.into_database(made)


async def test_each_backup_is_noted(settings: Settings, database_url: str) -> None:
    """In the audit of the database it was made of."""
    backups, _ = deployment(settings)
    made = await backups.create(Why.COMMAND, kind=Kind.DUMP)
    rows = await fetch(database_url, "SELECT action, detail->>'backup' AS backup FROM audit_log")

    assert [(row["action"], row["backup"]) for row in rows] == [("backup_create", made.name)]


async def test_a_role_without_the_right_dumps(settings: Settings, servers: EmbeddedServers, database_url: str) -> None:
    """And is told what it lacks when it asks for more."""
    await execute(
        database_url,
        "DROP ROLE IF EXISTS plain",
        "CREATE ROLE plain LOGIN PASSWORD 'p/l@in'",
        "GRANT pg_read_all_data, pg_write_all_data TO plain",
    )
    address = servers.database_url.rpartition("@")[2].partition("/")[0]
    url = f"postgresql://plain:p%2Fl%40in@{address}/{database_url.rpartition('/')[2]}"
    plain = settings.model_copy(update={"database_url": SecretStr(url)})
    backups, _ = deployment(plain)
    try:
        with pytest.raises(BackupError, match="REPLICATION"):
            await backups.create(Why.COMMAND, kind=Kind.FULL)
        made = await backups.create(Why.COMMAND)
    finally:
        await execute(database_url, "DROP OWNED BY plain", "DROP ROLE plain")

    assert made.kind is Kind.DUMP
    assert "p/l@in" not in Address.of(url).dsn


async def test_a_role_that_is_kept_out_dumps(settings: Settings, servers: EmbeddedServers, servers_home: Path) -> None:
    """Whose role may copy, and whom pg_hba.conf lets into databases alone, as it comes with images and packages."""
    rules = servers_home / "home" / "servers" / "postgres" / "data" / "pg_hba.conf"
    before = await asyncio.to_thread(rules.read_text)
    backups, _ = deployment(settings)
    try:
        await asyncio.to_thread(rules.write_text, f"host replication all all reject\n{before}")
        await reload(servers.database_url)
        made = await backups.create(Why.COMMAND)
        with pytest.raises(BackupError, match=r"pg_hba\.conf"):
            await backups.create(Why.COMMAND, kind=Kind.FULL)
    finally:
        await asyncio.to_thread(rules.write_text, before)
        await reload(servers.database_url)

    assert made.kind is Kind.DUMP


async def test_a_migration_is_preceded_by_a_backup(settings: Settings, database_url: str) -> None:
    """Where there is a place for it; of an empty database there is nothing to back up."""
    earlier = (await read_state(database_url)).known[-2]
    await downgrade(database_url, to=earlier)
    async with open_stores(settings) as stores:

        async def before() -> None:
            await before_migration(settings, stores)

        await ensure_schema(database_url, migrate=True, before=before)
        made = await backups_of(settings, stores).newest()
        await ensure_schema(database_url, migrate=True, before=before)
        again = await backups_of(settings, stores).newest()

    assert made is not None
    assert (made.why, made.revision) == (Why.MIGRATION, earlier)
    assert again == made


async def test_a_migration_whose_backup_fails(settings: Settings, database_url: str, place: Path) -> None:
    """An embedded server's waits until there is one; an operator's own server is migrated, and the log says why."""
    earlier = (await read_state(database_url)).known[-2]
    await downgrade(database_url, to=earlier)
    await asyncio.to_thread((place / "backups").write_text, "no directory")
    embedded = settings.model_copy(update={"database_url": None})
    async with open_stores(settings) as stores:
        with pytest.raises(BackupError, match="nothing was migrated"):
            await ensure_schema(database_url, migrate=True, before=partial(before_migration, embedded, stores))
        waiting = await read_state(database_url)
        before = partial(before_migration, settings, stores)
        with capture_logs() as logs:
            migrated = await ensure_schema(database_url, migrate=True, before=before)

    assert (waiting.revision, waiting.pending) == (earlier, waiting.known[-1:])
    assert migrated.pending == ()
    assert "migration.without_backup" in [entry["event"] for entry in logs]


async def test_a_full_disk_is_said_and_leaves_nothing(settings: Settings, place: Path) -> None:
    """The system's own words in one sentence, and no half of a backup in the list."""
    backups, _ = deployment(settings)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(BackupError, match="could not be written"):
            await backups.create(Why.COMMAND, kind=Kind.DUMP)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert await asyncio.to_thread(lambda: list((place / "backups").iterdir())) == []


@pytest.mark.usefixtures("without_slot")
@pytest.mark.slow
async def test_a_log_that_follows_on_nothing_asks_for_a_backup(settings: Settings, database_url: str) -> None:
    """The first of all, and after a gap; the end of a backup is something to follow on."""
    backups, _ = deployment(settings)
    async with keeping_the_log(backups):
        await eventually(lambda: backups.log_kept_until is not None, "the log is kept", within=60)
    first = backups.take_gap()
    await backups.create(Why.SCHEDULE)
    async with keeping_the_log(backups):
        now = datetime.now(UTC)
        await eventually(lambda: (backups.log_kept_until or now) > now, "the log is kept", within=60)
    second = backups.take_gap()
    await release_slot(database_url)
    for number in range(3):
        await execute(
            database_url,
            f"COMMENT ON TABLE instances IS '{number}'",
            "SELECT pg_switch_wal()",
        )
    async with keeping_the_log(backups):
        await eventually(backups.take_gap, "the gap is noticed", within=60)

    assert first
    assert not second


def gmbot(database_url: str, redis_url: str, place: Path, *arguments: str, **changes: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(
        build_cli(), ["backup", *arguments], env=environment(database_url, redis_url, place, COLUMNS="200", **changes)
    )


def test_the_commands_tell_what_they_did(database_url: str, redis_url: str, place: Path) -> None:
    """In words and in JSON."""
    empty = gmbot(database_url, redis_url, place, "list")
    made = gmbot(database_url, redis_url, place, "create", "--dump", "--json")
    listed = gmbot(database_url, redis_url, place, "list")
    checked = gmbot(database_url, redis_url, place, "verify", "--full", "--json")

    assert "no backup yet" in empty.output
    assert json.loads(made.output)["kind"] == "dump"
    assert json.loads(made.output)["name"] in listed.output
    assert json.loads(checked.output)["rows"]["config_counter"] == 1


def test_what_cannot_be_done_is_one_sentence(database_url: str, redis_url: str, place: Path) -> None:
    """Status 1, and what to do."""
    nothing = gmbot(database_url, redis_url, place, "verify")
    gmbot(database_url, redis_url, place, "create", "--dump")
    other = gmbot(database_url, redis_url, place, "verify", ENCRYPTION_KEY="another key that is as long")
    into_itself = gmbot(database_url, redis_url, place, "restore")
    moment = gmbot(database_url, redis_url, place, "restore", "--to", "2026-01-01T00:00:00")
    (next((place / "backups").glob("2*")) / DATA).write_bytes(b"GMBOTBK1 and nothing of use")
    damaged = gmbot(database_url, redis_url, place, "verify")
    nowhere = gmbot(database_url, redis_url, place, "list", BACKUP_DIR="")

    for outcome, part in (
        (nothing, "there is no backup in"),
        (other, "another ENCRYPTION_KEY"),
        (into_itself, "tables already"),
        (moment, "no backup in"),
        (damaged, "damaged"),
        (nowhere, "BACKUP_DIR must be set"),
    ):
        assert outcome.exit_code == 1
        assert part in outcome.output
        assert outcome.output.count("\n") == 1


def test_programs_have_to_fit_the_server() -> None:
    """What was found instead is said."""
    assert find_tools(17, exact=False).major >= 17
    with pytest.raises(BackupError, match="needs the programs of PostgreSQL 99; found: "):
        find_tools(99, exact=False)
    with pytest.raises(BackupError, match="pg_dump failed: "):
        run([find_tools(18, exact=True).program("pg_dump"), "--host=127.0.0.1", "--port=1"])


@pytest.mark.usefixtures("without_slot")
async def test_the_doctor_looks_at_backups(settings: Settings, database_url: str) -> None:
    """Whether there are any, whether they are planned, and whether the server holds log for nobody."""
    clock = SystemClock()
    backups, _ = deployment(settings)
    nowhere = await checks.standing(settings.model_copy(update={"backup_dir": None}), clock)
    none = await checks.standing(settings, clock)
    made = await backups.create(Why.COMMAND, kind=Kind.DUMP)
    unplanned = await checks.standing(settings, clock)
    planned = Settings.model_copy(settings, update={"backup_schedule": parse_schedule("0 * * * *")})
    recent = await checks.standing(planned, clock)
    assert settings.backup_dir is not None
    (settings.backup_dir / made.name / "manifest.json").write_text("{")
    spoilt = await checks.standing(settings, clock)
    no_slot = await checks.held_log(settings, database_url)
    await execute(database_url, f"SELECT pg_create_physical_replication_slot('{SLOT}', true)")
    left = await checks.held_log(settings, database_url)
    waiting = await checks.held_log(planned, database_url)

    assert [each.level.value for each in nowhere] == ["note"]
    assert [each.level.value for each in none] == ["warning"]
    assert [each.level.value for each in unplanned] == ["note"]
    assert [each.level.value for each in recent] == ["ok"]
    assert [each.level.value for each in spoilt] == ["failure", "warning"]
    assert no_slot == []
    assert [each.level.value for each in left] == ["warning"]
    assert [each.level.value for each in waiting] == ["note"]
    assert await slot_state(database_url) is not None
