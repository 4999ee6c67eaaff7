"""Backups, as operators of the whole deployment list, make and check them. To restore is for the shell."""

from collections.abc import Sequence

from bot.domain.backup import Backup, Why
from bot.domain.errors import NotFoundError, NotReadyError
from bot.domain.operator import Operator, Rank
from bot.services.operating.jobs import DEPLOYMENT, Job, Jobs, Watch
from bot.services.ports.access import Shelf
from bot.services.ports.operating import Notes
from bot.services.ports.upkeep import BackupRoom

# For as long as one backup keeps others from being begun, should its instance die meanwhile.
_BUSY_SECONDS = 15 * 60


class BackupDesk:
    """Lists, makes and checks. Without a place for backups all but the list raises NotFoundError."""

    def __init__(self, *, room: BackupRoom | None, jobs: Jobs, shelf: Shelf, notes: Notes) -> None:
        self._room = room
        self._jobs = jobs
        self._shelf = shelf
        self._notes = notes

    async def backups(self, who: Operator) -> Sequence[tuple[Backup, str | None]] | None:
        """Return the backups, the newest first, with what is wrong with each; None: there is no place for any."""
        _need(who, Rank.VIEWER)
        return None if self._room is None else list(reversed(await self._room.entries()))

    async def create(self, who: Operator) -> Job:
        """Begin a backup, or tell of the one that is being made."""
        _need(who, Rank.OPERATOR)
        room = self._there()
        if await self._shelf.count("backup", seconds=_BUSY_SECONDS) > 1:
            running = await self._shelf.get("backup-job")
            if running is None:
                raise NotReadyError("a backup is about to be made; look again in a moment")
            return await self._jobs.job(who, str(running["job"]))

        async def work(watch: Watch) -> str:
            try:
                made = await room.create(Why.COMMAND, by=who.actor, progress=watch)
            finally:
                await self._shelf.take("backup-job")
                await self._shelf.take("backup")
            return f"{made.name}: {made.size / 1_000_000:,.2f} MB"

        job = await self._jobs.start("Making a backup", DEPLOYMENT, work)
        await self._shelf.put("backup-job", {"job": job.job}, seconds=_BUSY_SECONDS)
        return job

    async def verify(self, who: Operator, name: str) -> Job:
        """Begin to check every byte of a backup, of what it rests on, and of its log. Raises NotFoundError."""
        _need(who, Rank.OPERATOR)
        room = self._there()
        if name not in {backup.name for backup, _ in await room.entries()}:
            raise NotFoundError("there is no such backup")

        async def work(_: Watch) -> str:
            size, files = await room.check(name)
            return f"{name} is sound: {size:,} bytes" + (f", {files:,} files of the log" if files else "")

        await self._notes.note(who.actor, DEPLOYMENT, "backup_verify", None, {"backup": name})
        return await self._jobs.start("Checking a backup", DEPLOYMENT, work)

    def _there(self) -> BackupRoom:
        if self._room is None:
            raise NotFoundError("there is no place for backups: BACKUP_DIR says where they are put, and is not set")
        return self._room


def _need(who: Operator, rank: Rank) -> None:
    who.need_all(rank, "backups hold all bots; they are for operators of the whole deployment")
