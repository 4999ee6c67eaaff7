"""Backups: whether there are any, whether they are recent and can be opened, and whether a server holds log in vain."""

import asyncio
import shutil
from collections.abc import Sequence
from datetime import timedelta

from bot.core.backup.catalogue import Catalogue
from bot.core.backup.log import slot_state
from bot.core.backup.sealing import Sealer
from bot.core.clock import SystemClock
from bot.core.settings import Settings
from bot.core.stores import keys_at_rest
from bot.domain.backup import newest_before
from bot.domain.finding import Finding, failure, fine, note, warning

# A backup takes its time, and the instance that makes it may have been restarted meanwhile.
_GRACE = timedelta(hours=1)
_MUCH_LOG_BYTES = 1_000_000_000
# An old one goes only when the next is there.
_ROOM = 2


async def standing(settings: Settings, clock: SystemClock) -> Sequence[Finding]:
    """Look at the backups there are."""
    place = settings.backup_place
    if place is None:
        return [note("no backups are made here", "set BACKUP_DIR and BACKUP_SCHEDULE, or back up in your own way")]
    entries = await asyncio.to_thread(Catalogue(place, Sealer(*keys_at_rest(settings))).entries)
    found = [
        failure(str(entry.fault), f"gmbot backup verify {entry.backup.name}; delete {place / entry.backup.name}")
        for entry in entries
        if entry.fault is not None
    ]
    if settings.backup_dir is None:
        found.append(warning(f"backups are in {place}, and lost with it", "set BACKUP_DIR to another disk"))
    newest = newest_before([entry.backup for entry in entries if entry.fault is None], None)
    if newest is None:
        found.append(warning("there is no backup", "set BACKUP_SCHEDULE, or run gmbot backup create"))
        return found
    found += room((await asyncio.to_thread(shutil.disk_usage, place)).free, newest.size)
    age = clock.now() - newest.ended_at
    if settings.backup_schedule is None:
        found.append(note(f"the newest backup is {age.days} days old, and none is planned", "set BACKUP_SCHEDULE"))
    elif settings.backup_schedule.next_after(newest.ended_at) + _GRACE < clock.now():
        found.append(
            failure(f"the newest backup is {age.days} days old; one was due since", "look at the log for backup.failed")
        )
    else:
        found.append(fine(f"the newest backup is of {newest.ended_at:%Y-%m-%d %H:%M} UTC"))
    return found


def room(free: int, newest: int) -> Sequence[Finding]:
    """Compare what is free where backups lie with what the newest takes: both in bytes."""
    if free >= newest * _ROOM:
        return []
    what = f"{free:,} bytes are free where backups lie; the newest takes {newest:,}"
    return [warning(what, "make room, or lower BACKUP_KEEP_DAYS")]


async def held_log(settings: Settings, database_url: str) -> Sequence[Finding]:
    """Look whether the server holds log that nobody fetches, until its disk is full."""
    state = await slot_state(database_url)
    if state is None:
        return []
    active, held = state
    if active:
        return [fine("the log is being received")]
    if settings.backup_schedule is None:
        return [warning(f"PostgreSQL holds {held} bytes of log for backups that are not made", "gmbot doctor --fix")]
    if held > _MUCH_LOG_BYTES:
        return [warning(f"nobody has fetched {held} bytes of log", "start an instance with BACKUP_SCHEDULE")]
    return [note("nobody receives the log at the moment", "start an instance with BACKUP_SCHEDULE")]
