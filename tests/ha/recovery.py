"""A database with a year's rows is backed up, lost and restored: how long each takes, and whether every row is back."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bot.core.backup.restoring import look_into
from bot.core.embedded import embedded_servers
from bot.core.postgres.migrations import upgrade
from bot.utils.optimizer.scale import SMALL
from bot.utils.optimizer.seeding import seed
from tests.ha.checks import Check, Part, Say, most, none
from tests.kits.platform import ENCRYPTION_KEY

MOST_DOWN_SECONDS = 45.0
MOST_BACKUP_SECONDS = 120.0
_PARTS_OF_A_SECOND = 10


@dataclass
class _Timed:
    answer: dict[str, object]
    seconds: float


async def recover(say: Say) -> Sequence[Check]:
    """Fill a home, back it up twice, burn it, and restore it into a new one."""
    with _place() as place:
        home = place / "home"
        async with embedded_servers(home=home) as servers:
            say("filling a database")
            await upgrade(servers.database_url)
            await seed(servers.database_url, SMALL, progress=lambda *_: None)
            say("backing up")
            full = await _gmbot(place, "create", "--full")
            await _change(servers.database_url)
            incremental = await _gmbot(place, "create")
            expected = (await look_into(servers.database_url)).rows
        shutil.rmtree(home)
        say("restoring")
        restored = await _gmbot(place, "restore")
        found = restored.answer["rows"]
        assert isinstance(found, dict)
        # The audit has a line more for each backup and restore.
        missing = sum(abs(found.get(table, 0) - rows) for table, rows in expected.items() if table != "audit_log")
        return [
            most("a full backup", full.seconds, MOST_BACKUP_SECONDS, " s"),
            most("an incremental backup", incremental.seconds, MOST_BACKUP_SECONDS, " s"),
            most("restoring both into a new home", restored.seconds, MOST_DOWN_SECONDS, " s"),
            none("rows that are missing, or too many", missing),
            Check(
                what="the second backup",
                found=str(incremental.answer["kind"]),
                wanted="incremental",
                holds=incremental.answer["kind"] == "incremental",
            ),
        ]


@contextmanager
def _place() -> Iterator[Path]:
    """Make a directory that the account of the servers can pass through."""
    with tempfile.TemporaryDirectory(prefix="gmbot-recovery-") as name:
        place = Path(name)
        place.chmod(0o711)
        yield place


async def _gmbot(place: Path, *arguments: str) -> _Timed:
    loop = asyncio.get_running_loop()
    began = loop.time()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "backup", *arguments, "--json"),
        env={
            **os.environ,
            "GMBOT_HOME": str(place / "home"),
            "BACKUP_DIR": str(place / "backups"),
            "ENCRYPTION_KEY": ENCRYPTION_KEY,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    seconds = round((loop.time() - began) * _PARTS_OF_A_SECOND) / _PARTS_OF_A_SECOND
    return _Timed(json.loads(out), seconds)


async def _change(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE group_members_seen SET seen_at = now() WHERE user_id % 10 = 0")
    await connection.close()


PART = Part(name="recovery", title="A lost database is restored", seconds=600, run=recover)
