"""Who may use the HTTP API: tokens are made, listed and revoked at the shell."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from bot.domain.api import ApiToken, Scope, UnknownTokenError, checked_token_name
from bot.domain.errors import NotFoundError
from bot.domain.ids import BotId
from bot.domain.secret import Secret
from bot.services.ports.api import TokenBook
from bot.services.ports.runtime import Clock

PREFIX = "gmbot_"
"""How a token begins, so that scanners for secrets find one that has leaked."""

_RANDOM_BYTES = 32
_LONGEST = 200


class ApiAccess:
    """Makes, knows and revokes tokens."""

    def __init__(self, *, book: TokenBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    async def create(
        self, name: str, scope: Scope, *, bots: frozenset[BotId] | None = None, days: int | None = None
    ) -> tuple[ApiToken, Secret]:
        """Make a token; it is returned this once and kept nowhere. Raises InvalidInputError."""
        token = Secret(PREFIX + secrets.token_urlsafe(_RANDOM_BYTES))
        expires = None if days is None else self._clock.now() + timedelta(days=days)
        return await self._book.add(
            token, name=checked_token_name(name), scope=scope, bots=bots, expires_at=expires
        ), token

    async def known(self, given: str) -> ApiToken:
        """Return the token that somebody shows. Raises UnknownTokenError."""
        found = await self._book.find(Secret(given)) if given.startswith(PREFIX) and len(given) <= _LONGEST else None
        if found is None:
            raise UnknownTokenError("this token is not known, or has expired or been revoked")
        return found

    async def tokens(self) -> Sequence[ApiToken]:
        """Return all tokens, by name."""
        return await self._book.all()

    async def revoke(self, name: str) -> None:
        """Let a token open nothing any more, from now on. Raises NotFoundError."""
        if not await self._book.drop(name):
            raise NotFoundError(f"there is no token {name!r}; `gmbot api-tokens list` lists them")
