"""Looks, from inside an instance, how its database gets on with its twin."""

import asyncpg
import structlog

from bot.core.clock import SystemClock

_EVERY_SECONDS = 10.0
_PATIENCE_SECONDS = 5.0
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_LOOK = """
SELECT (SELECT count(*) FROM gmbot_twin.conflicts) AS conflicts,
       coalesce((SELECT bool_or(pid IS NOT NULL) FROM pg_stat_subscription WHERE subname = 'gmbot_twin'), false)
         AND coalesce((SELECT active FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'), false) AS connected,
       (SELECT extract(epoch FROM max(latest_end_time))::float8 FROM pg_stat_subscription WHERE subname = 'gmbot_twin')
         AS heard_at
"""

log = structlog.stdlib.get_logger()


class TwinWatch:
    """Knows whether both databases hear each other, and how many conflicts there were."""

    def __init__(self, *, database_url: str, clock: SystemClock) -> None:
        self._url = database_url
        self._clock = clock
        self.connected = 0
        self.conflicts = 0
        self.heard_at = 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                connection = await asyncpg.connect(self._url, timeout=_PATIENCE_SECONDS)
                try:
                    row = await connection.fetchrow(_LOOK, timeout=_PATIENCE_SECONDS)
                finally:
                    connection.terminate()
            except _AWAY as error:
                self.connected = 0
                log.warning("twin.unknown", error=str(error) or type(error).__name__)
            else:
                if row is not None:
                    self.connected, self.conflicts = int(row["connected"]), row["conflicts"]
                    self.heard_at = row["heard_at"] or 0.0
            await self._clock.sleep(_EVERY_SECONDS)
