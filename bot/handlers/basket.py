"""Collects what handling one update obliges us to, and what went wrong on the way."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from telegram import Update

from bot.domain.intent import Intent


@dataclass(slots=True)
class Basket:
    """The outcome of one update's handlers."""

    body: bytes
    is_owed: bool = False
    """The update was acknowledged before, and its sender was promised an answer."""
    intents: list[Intent] = field(default_factory=list)
    error: Exception | None = None


class Baskets:
    """One basket for each update under way in this process."""

    def __init__(self) -> None:
        self._open: dict[int, Basket] = {}

    @contextmanager
    def opened(self, update: Update, body: bytes, *, is_owed: bool = False) -> Iterator[Basket]:
        """Hold a basket while the update's handlers run."""
        basket = Basket(body, is_owed)
        self._open[update.update_id] = basket
        try:
            yield basket
        finally:
            self._open.pop(update.update_id, None)

    def add(self, update: Update, intents: Iterable[Intent]) -> None:
        """Put intents into the update's basket."""
        self._open[update.update_id].intents.extend(intents)

    def body(self, update: Update) -> bytes:
        """Return the update as Telegram sent it."""
        return self._open[update.update_id].body

    def is_owed(self, update: Update) -> bool:
        """Whether the update was acknowledged before, and its sender was promised an answer."""
        return self._open[update.update_id].is_owed

    def failed(self, update: object, error: Exception) -> None:
        """Keep the first error: the dispatcher raises it, and the update is not done."""
        if isinstance(update, Update) and update.update_id in self._open:
            basket = self._open[update.update_id]
            basket.error = basket.error or error
