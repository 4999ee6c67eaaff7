"""What an error is to whoever made the request: a status, a sentence, and the field that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from bot.domain.api import KeyBusyError, KeyReusedError, UnknownTokenError
from bot.domain.errors import (
    AlreadyHostedError,
    BotError,
    GateTakenError,
    GivenSecretError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    NotReadyError,
    StillHeldError,
    StoreUnavailableError,
    TelegramError,
    TelegramRefusedError,
    TelegramUnavailableError,
    TokenRefusedError,
    TooLargeError,
)

_SENTENCES: Mapping[int, str] = {
    400: "the request cannot be understood",
    401: "log in first",
    403: "this is not allowed",
    404: "there is nothing here",
    405: "this cannot be done here",
    413: "the request is larger than 64 KB",
}


_UNAVAILABLE = 503
_PAUSE_SECONDS = 5
# The first that fits counts.
_STATUSES = (
    (UnknownTokenError, 401),
    (KeyBusyError, 409),
    (KeyReusedError, 422),
    (TooLargeError, 413),
    (InvalidInputError, 400),
    (NotAllowedError, 403),
    (NotFoundError, 404),
    (AlreadyHostedError, 409),
    (GateTakenError, 409),
    (GivenSecretError, 409),
    (StillHeldError, 409),
    (TokenRefusedError, 400),
    (TelegramUnavailableError, _UNAVAILABLE),
    (TelegramRefusedError, 409),
    (StoreUnavailableError, _UNAVAILABLE),
    (NotReadyError, _UNAVAILABLE),
    (BotError, 400),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not answered as asked. Nothing in it tells how the server works."""

    status: int
    text: str
    field: str | None = None
    retry_after: int | None = None


def refusal_of(error: Exception) -> Refusal:
    """Put an error into words for whoever asked."""
    if isinstance(error, HTTPException):
        return Refusal(error.status_code, _SENTENCES.get(error.status_code, error.detail))
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    field = error.field if isinstance(error, InvalidInputError) else None
    return Refusal(status, _text(error), field, _retry_after(error) if status == _UNAVAILABLE else None)


def _text(error: Exception) -> str:
    match error:
        case TokenRefusedError():
            return "Telegram does not know this token"
        case TelegramUnavailableError():
            return f"Telegram does not answer now: {error.description}"
        case TelegramError():
            return f"Telegram refuses: {error.description}"
        case StoreUnavailableError():
            return "PostgreSQL does not answer; whether this was done is unknown"
        case BotError():
            return str(error)
        case _:
            return "something went wrong here; the log of this instance says what"


def _retry_after(error: Exception) -> int:
    named = error.retry_after if isinstance(error, TelegramUnavailableError) else None
    return _PAUSE_SECONDS if named is None else max(1, round(named))
