"""Statistics of one group."""

from bot.domain.group import ProtectedGroup
from bot.domain.stats import Stats
from bot.services.ports.groups import Draw, Figures
from bot.services.ports.ledger import CaseReader


class Statistics:
    """Counts what a gate has done, and draws it."""

    def __init__(self, *, figures: Figures, ledger: CaseReader, draw: Draw) -> None:
        self._figures = figures
        self._ledger = ledger
        self._draw = draw

    async def of(self, group: ProtectedGroup, days: int) -> tuple[Stats, bytes]:
        """Return the figures of the last days and their picture. Raises StoreUnavailableError."""
        counted = await self._figures.days(group.bot_id, group.group_id, sorted(group.former_ids), days)
        stats = Stats(tuple(counted), await self._ledger.count_open(group.bot_id, group.group_id))
        return stats, await self._draw(stats.days)
