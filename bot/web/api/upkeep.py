"""What keeps a deployment going, by the API: its examination and settings, work that waits, backups, and the log."""

from typing import Any

from bot.domain.api import Scope
from bot.services.operating.jobs import Job
from bot.services.operating.log_level import Logged
from bot.web.api.asked import LogChoice, Nothing
from bot.web.api.operations import Call, Operation
from bot.web.api.shapes import BackupShape, Found, InForce, LogShape, Rows, Scheduled, Work
from bot.web.desk import Desk


class Upkeep:
    """Examines, shows settings and waiting work, lists, makes and checks backups, and chooses the level of the log."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def operations(self) -> list[Operation[Any, Any]]:
        """Return them all."""
        read, operate, none = Scope.READ, Scope.OPERATE, Nothing
        away = (404, 503)
        return [
            Operation(
                "examine",
                "GET",
                "/doctor",
                read,
                "Examine the installation, which takes some seconds",
                none,
                none,
                Rows[Found],
                self._examine,
            ),
            Operation(
                "list_settings",
                "GET",
                "/settings",
                read,
                "List the settings in force, without secrets",
                none,
                none,
                Rows[InForce],
                self._settings,
            ),
            Operation(
                "list_scheduled",
                "GET",
                "/scheduled",
                read,
                "List what is scheduled, by kind",
                none,
                none,
                Rows[Scheduled],
                self._scheduled,
            ),
            Operation(
                "list_backups",
                "GET",
                "/backups",
                read,
                "List the backups, the newest first",
                none,
                none,
                Rows[BackupShape],
                self._list,
                faults=away,
            ),
            Operation(
                "make_backup", "POST", "/backups", operate, "Make a backup", none, none, Work, self._make, 202, away
            ),
            Operation(
                "check_backup",
                "POST",
                "/backups/{backup}/check",
                operate,
                "Check every byte of a backup",
                none,
                none,
                Work,
                self._check,
                202,
                away,
            ),
            Operation(
                "show_job", "GET", "/jobs/{job}", read, "Show how far work is", none, none, Work, self._job, faults=away
            ),
            Operation(
                "show_log_level",
                "GET",
                "/log-level",
                read,
                "Show how much is logged",
                none,
                none,
                LogShape,
                self._level,
            ),
            Operation(
                "choose_log_level",
                "POST",
                "/log-level",
                Scope.ADMIN,
                "Choose how much all instances log for some minutes",
                none,
                LogChoice,
                LogShape,
                self._choose,
                faults=away,
            ),
        ]

    async def _examine(self, call: Call, _: Nothing, __: Nothing) -> object:
        found = tuple(
            Found(
                check=answer.check.number,
                area=answer.check.area,
                level=answer.finding.level.value,
                what=answer.finding.what,
                remedy=answer.finding.remedy,
            )
            for answer in await self._desk.installation.examine(call.who)
        )
        return Rows(items=found, next=None)

    async def _settings(self, call: Call, _: Nothing, __: Nothing) -> object:
        rows = tuple(
            InForce(name=each.name, value=each.value, is_default=each.is_default)
            for each in self._desk.installation.settings(call.who)
        )
        return Rows(items=rows, next=None)

    async def _scheduled(self, call: Call, _: Nothing, __: Nothing) -> object:
        rows = tuple(
            Scheduled(kind=row.kind, waiting=row.waiting, given_up=row.dead, next_at=row.next_at)
            for row in await self._desk.lookup.jobs(call.who)
        )
        return Rows(items=rows, next=None)

    async def _list(self, call: Call, _: Nothing, __: Nothing) -> object:
        found = await self._desk.backups.backups(call.who) or ()
        rows = tuple(
            BackupShape(
                name=backup.name,
                kind=backup.kind.value,
                why=backup.why.value,
                begun_at=backup.begun_at,
                ended_at=backup.ended_at,
                bytes=backup.size,
                schema=backup.revision,
                release=backup.release,
                fault=fault,
            )
            for backup, fault in found
        )
        return Rows(items=rows, next=None)

    async def _make(self, call: Call, _: Nothing, __: Nothing) -> object:
        return _work(await self._desk.backups.create(call.who))

    async def _check(self, call: Call, _: Nothing, __: Nothing) -> object:
        return _work(await self._desk.backups.verify(call.who, call.path["backup"]))

    async def _job(self, call: Call, _: Nothing, __: Nothing) -> object:
        return _work(await self._desk.jobs.job(call.who, call.path["job"]))

    async def _level(self, _: Call, __: Nothing, ___: Nothing) -> object:
        return _logged(self._desk.log_level.now)

    async def _choose(self, call: Call, _: Nothing, body: LogChoice) -> object:
        return _logged(await self._desk.log_level.choose(call.who, body.level, body.minutes))


def _work(job: Job) -> Work:
    return Work(job=job.job, what=job.what, state=job.state, done=job.done, expected=job.expected, detail=job.detail)


def _logged(now: Logged) -> LogShape:
    return LogShape(level=now.level, usual=now.usual, until=now.until)
