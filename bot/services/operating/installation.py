"""How a deployment as a whole is: what is wrong with it, and by which settings it runs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.domain.operator import Operator, Rank
from bot.services.operating.doctor import Answer


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is in force; a secret only says whether it is set."""

    name: str
    value: str
    is_default: bool


class Installation:
    """Shows the installation to operators of the whole deployment. Raises NotAllowedError for all others."""

    def __init__(self, *, examine: Callable[[], Awaitable[Sequence[Answer]]], settings: Sequence[Setting]) -> None:
        self._examine = examine
        self._settings = settings

    async def examine(self, who: Operator) -> Sequence[Answer]:
        """Look at everything. It asks Telegram and the stores, so it takes some seconds."""
        _need(who)
        return await self._examine()

    def settings(self, who: Operator) -> Sequence[Setting]:
        """Return the settings of this instance."""
        _need(who)
        return self._settings


def _need(who: Operator) -> None:
    who.need_all(Rank.VIEWER, "only an operator of the whole deployment may look into it")
