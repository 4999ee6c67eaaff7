"""What the HTTP API asks of the outside world."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.api import Answered, ApiToken, Scope
from bot.domain.ids import BotId
from bot.domain.secret import Secret


class TokenBook(Protocol):
    """The tokens of the API, which are kept as digests only. All methods raise StoreUnavailableError."""

    async def add(
        self, token: Secret, *, name: str, scope: Scope, bots: frozenset[BotId] | None, expires_at: datetime | None
    ) -> ApiToken:
        """Keep a token's digest. Raises InvalidInputError for a name that is taken."""
        ...

    async def find(self, token: Secret) -> ApiToken | None:
        """Return the token that this is, unless it has expired."""
        ...

    async def all(self) -> Sequence[ApiToken]: ...
    async def drop(self, name: str) -> bool: ...


class Answers(Protocol):
    """What requests with an Idempotency-Key were answered. All methods raise StoreUnavailableError."""

    async def begin(self, token: int, key: str, request: bytes) -> Answered | None:
        """Claim a key for a request; return the answer if it was given before.

        Raises KeyReusedError when the key stands for another request, KeyBusyError while it is being worked on.
        """
        ...

    async def keep(self, token: int, key: str, answer: Answered) -> None: ...
    async def give_back(self, token: int, key: str) -> None:
        """Nothing was done: the same request may be made again."""
        ...
