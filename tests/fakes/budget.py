"""The budget of one process, without Redis."""

from dataclasses import dataclass

from bot.core.telegram.demand import Demand
from bot.core.telegram.own_budget import Grant, OwnBudget


@dataclass
class LoneBudget:
    """Has all places to itself, whoever asks."""

    own: OwnBudget

    async def ask(self, demand: Demand) -> Grant:
        """Give a place, or say how long to wait for one."""
        return self.own.ask(demand, 1)

    async def flooded(self, demand: Demand, retry_after: float, grant: Grant, started: float) -> None:
        """Pause, as Telegram wants it."""
        del grant
        self.own.flooded(demand, retry_after, started)
