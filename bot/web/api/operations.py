"""What an operation of the API is. Routes and the OpenAPI document are both made from a list of these."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bot.domain.api import Scope
from bot.domain.errors import NotFoundError
from bot.domain.hosting import BotSummary
from bot.domain.ids import BotId, GroupId
from bot.domain.operator import Operator
from bot.services.operating.bots import BotDesk
from bot.web.api.asked import Asked, Nothing

Query = TypeVar("Query", bound=Asked)
Body = TypeVar("Body", bound=Asked)

_LONGEST_ID = 16


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, and what the path names."""

    who: Operator
    path: Mapping[str, str]
    bots: BotDesk

    async def bot(self) -> BotSummary:
        """Return the bot that the path names. Raises NotHostedError."""
        return await self.bots.find(self.who, self.path["bot"])

    async def group(self) -> tuple[BotId, GroupId]:
        """Return the bot and the group that the path names. Raises NotFoundError."""
        bot = await self.bot()
        return bot.bot_id, GroupId(self.number("group"))

    def number(self, what: str) -> int:
        """Return a number that the path names. Raises NotFoundError."""
        text = self.path[what]
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_ID):
            raise NotFoundError(f"there is no such {what}")
        return int(text)

    async def only(self, bot: str | None) -> BotId | None:
        """Return the bot that a filter names. Raises NotHostedError."""
        return None if bot is None else (await self.bots.find(self.who, bot)).bot_id


@dataclass(frozen=True, slots=True)
class Operation(Generic[Query, Body]):
    """One method of one path."""

    name: str
    method: str
    path: str
    scope: Scope
    summary: str
    query: type[Query]
    body: type[Body]
    answer: Any
    """The type of what is answered; None: nothing, with 204."""
    handle: Callable[[Call, Query, Body], Awaitable[object]]
    status: int = 200
    faults: tuple[int, ...] = ()
    """Refusals beyond those that every operation knows."""

    @property
    def takes_body(self) -> bool:
        """Whether a body has fields."""
        return self.body is not Nothing
