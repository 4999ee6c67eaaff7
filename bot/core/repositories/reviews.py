"""Reviews of cases that rest, as rows of PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.core.postgres.database import Database
from bot.domain.ids import CaseId


class ReviewStore:
    """Picks the cases whose turn it is."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def now(self) -> datetime:
        """Tell the time by the database's clock."""
        row = await self._database.row("db_now")
        return datetime.min.replace(tzinfo=UTC) if row is None else row["now"]

    async def under_review(self) -> int:
        """Count the cases that are being compared."""
        row = await self._database.row("count_under_review")
        return 0 if row is None else int(row["count"])

    async def put_under_review(self, *, before: datetime, limit: int) -> Sequence[CaseId]:
        """Have cases compared that were neither done nor reviewed since `before`, the oldest first."""
        rows = await self._database.rows("put_under_review", before, limit)
        return [CaseId(row["restriction_id"]) for row in rows]
