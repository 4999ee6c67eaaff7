"""Backups, joined to a deployment: inside an instance, before migrations, and for the command."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import asyncpg
import structlog

from bot.app.world import World
from bot.core.backup.catalogue import Catalogue
from bot.core.backup.log import UNFINISHED_SECONDS, LogKeeper
from bot.core.backup.making import BackupMaker, Progress
from bot.core.backup.restoring import Restorer
from bot.core.backup.sealing import Sealer
from bot.core.clock import SystemClock
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.repositories.configuration import audit
from bot.core.settings import Settings
from bot.core.stores import Stores, keys_at_rest
from bot.domain.backup import Backup, Kind, Why, newest_before
from bot.domain.errors import BackupError, SettingsError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import Actor, By, Source
from bot.services.upkeep.backup_schedule import BackupSchedule

log = structlog.stdlib.get_logger()

_NO_BOT = BotId(0)
_AT_THE_SHELL = Actor(UserId(0), Source.CLI)


@dataclass(frozen=True, slots=True)
class Retention:
    """Which backups are kept."""

    keep: int
    days: int


class DeploymentBackups:
    """The backups of one database."""

    def __init__(
        self,
        *,
        database_url: str,
        catalogue: Catalogue,
        retention: Retention,
        spool: Path | None,
        clock: SystemClock,
        log_every_seconds: float = UNFINISHED_SECONDS,
    ) -> None:
        self._url = database_url
        self._catalogue = catalogue
        self._retention = retention
        self._clock = clock
        self._gap = asyncio.Event()
        self._keeper = LogKeeper(
            database_url=database_url,
            catalogue=catalogue,
            spool=spool,
            clock=clock,
            on_gap=self._gap.set,
            every_seconds=log_every_seconds,
        )

    @property
    def log_kept_until(self) -> datetime | None:
        """Everything that was committed before this moment has been put away."""
        return self._keeper.kept_until

    async def create(
        self, why: Why, *, kind: Kind | None = None, by: By = _AT_THE_SHELL, progress: Progress = lambda *_: None
    ) -> Backup:
        """Make a backup, note it in the audit, and let go what is not to be kept."""
        maker = BackupMaker(
            database_url=self._url, catalogue=self._catalogue, release=version("gmbot"), clock=self._clock
        )
        backup = await maker.create(why, kind=kind, progress=progress)
        self._gap.clear()
        await note(self._url, "backup_create", {"backup": backup.name, "why": why.value, "bytes": backup.size}, by=by)
        gone = await asyncio.to_thread(
            self._catalogue.prune, now=self._clock.now(), keep=self._retention.keep, days=self._retention.days
        )
        log.info("backup.made", backup=backup.name, size=backup.size, gone=[each.name for each in gone])
        return backup

    async def entries(self) -> Sequence[tuple[Backup, str | None]]:
        """Return all that were finished, the oldest first, with what is wrong with each."""
        found = await asyncio.to_thread(self._catalogue.entries)
        return [(entry.backup, None if entry.fault is None else str(entry.fault)) for entry in found]

    async def check(self, name: str) -> tuple[int, int]:
        """Check every byte of a backup, of what it rests on and of its log; return bytes, and files of the log."""
        backup = await asyncio.to_thread(self._catalogue.find, name)
        return await Restorer(catalogue=self._catalogue, clock=self._clock, tell=lambda _: None).check(backup)

    async def newest(self) -> Backup | None:
        """Return the newest one that is sound."""
        return newest_before(await asyncio.to_thread(self._catalogue.good), None)

    async def keep_log(self) -> None:
        """Put away what the server writes, until cancelled."""
        await self._keeper.run()

    def take_gap(self) -> bool:
        """Say, once, whether the log has a gap that only a new backup closes."""
        was = self._gap.is_set()
        self._gap.clear()
        return was


def backups_of(settings: Settings, stores: Stores) -> DeploymentBackups:
    """Return the backups of an open deployment. Raises SettingsError when there is no place for them."""
    return DeploymentBackups(
        database_url=stores.database_url,
        catalogue=Catalogue(_place(settings), Sealer(stores.encryption_key, stores.former_key)),
        retention=Retention(settings.backup_keep, settings.backup_keep_days),
        spool=_spool(settings),
        clock=SystemClock(),
    )


def catalogue_at_rest(settings: Settings) -> Catalogue:
    """Return the catalogue without opening the deployment: it may be what has to be restored."""
    return Catalogue(_place(settings), Sealer(*keys_at_rest(settings)))


def back_up_on_schedule(world: World, stores: Stores) -> None:
    """Start the schedule, if there is one, and show how the backups stand."""
    if world.settings.backup_schedule is None:
        return
    backups = backups_of(world.settings, stores)
    schedule = BackupSchedule(
        schedule=world.settings.backup_schedule, backups=backups, leader=world.leader, clock=world.clock
    )
    world.tasks.keep(schedule.run, name="backups")
    world.tasks.keep(schedule.watch, name="newest backup")
    gauge = world.metrics.gauge

    def of_newest(read: Callable[[Backup], float]) -> Callable[[], float]:
        return lambda: 0.0 if schedule.newest is None else read(schedule.newest)

    text = "When the newest backup was finished."
    gauge("gmbot_backup_last_success_timestamp_seconds", text, of_newest(lambda each: each.ended_at.timestamp()))
    text = "How long the newest backup took."
    gauge(
        "gmbot_backup_last_duration_seconds",
        text,
        of_newest(lambda each: (each.ended_at - each.begun_at).total_seconds()),
    )
    gauge("gmbot_backup_last_size_bytes", "What the newest backup takes.", of_newest(lambda each: each.size))
    gauge(
        "gmbot_backup_due_timestamp_seconds",
        "When the next backup is to be made, or should have been.",
        lambda: schedule.due_at.timestamp(),  # noqa: PLW0108 - it is another moment each time
    )
    gauge(
        "gmbot_backup_log_timestamp_seconds",
        "Everything committed before this moment can be restored; 0 where another instance keeps the log.",
        lambda: 0.0 if backups.log_kept_until is None else backups.log_kept_until.timestamp(),
    )


async def before_migration(settings: Settings, stores: Stores) -> None:
    """Make a backup before an instance migrates, or log why there is none."""
    reason = await back_up_before_migration(settings, stores)
    if reason is not None:
        log.warning("migration.without_backup", reason=reason)


async def back_up_before_migration(settings: Settings, stores: Stores) -> str | None:
    """Make a backup where that is possible, or return why it is not.

    Raises BackupError only for embedded servers, where it always is.
    """
    if settings.backup_place is None:
        return "BACKUP_DIR is not set"
    try:
        await backups_of(settings, stores).create(Why.MIGRATION)
    except BackupError as error:
        if settings.database_url is None:
            raise BackupError(f"{error}; nothing was migrated. `gmbot migrate --no-backup` does without") from error
        return str(error)
    return None


async def note(database_url: str, action: str, detail: dict[str, object], *, by: By = _AT_THE_SHELL) -> None:
    """Put a line into the audit, where there is one."""
    async with open_database(database_url, pool_size=1, statements=load_statements()) as database:
        await _note(database, action, detail, by)


async def _note(database: Database, action: str, detail: dict[str, object], by: By) -> None:
    try:
        async with database.session() as session:
            await audit(session, _NO_BOT, by, action, None, detail)
    except asyncpg.UndefinedTableError:
        log.debug("backup.no_audit")


def _place(settings: Settings) -> Path:
    place = settings.backup_place
    if place is None:
        raise SettingsError("BACKUP_DIR must be set: it says where backups are put")
    return place


def _spool(settings: Settings) -> Path | None:
    """Return where the log waits to be sealed: beside the servers, whose plain files lie there anyway."""
    return None if settings.gmbot_home is None else settings.gmbot_home / "servers" / "log"
