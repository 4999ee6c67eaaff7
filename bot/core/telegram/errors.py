"""From python-telegram-bot's errors to ours: Telegram said no, or Telegram did not answer.

A refusal is a 400, 403, 404 or 409 in Telegram's own form; a 401 is about the token alone. The same status with
anything else in it comes from something in between, and an answer that cannot be read tells nothing of what was done:
both are silence.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot.domain.errors import (
    ChatMovedError,
    PollingConflictError,
    TelegramPausedError,
    TelegramRefusedError,
    TelegramUnavailableError,
    TokenRefusedError,
)

# A page of a proxy may be in the text; nobody needs all of it in a log.
_LONGEST_DESCRIPTION = 200

# 401; the library makes the same error of a 404, which may be said of a method, too.
_UNAUTHORIZED = "unauthorized"
# For what was begun before all instances hear of it; then no work of the bot is taken up at all.
TOKEN_PAUSE_SECONDS = 5.0


@contextmanager
def translated(method: str) -> Iterator[None]:
    """Raise our errors for python-telegram-bot's. A BadRequest is a NetworkError there; here it is a refusal."""
    try:
        yield
    except ChatMigrated as error:
        raise ChatMovedError(method=method, new_id=error.new_chat_id) from error
    except RetryAfter as error:
        raise TelegramPausedError(
            method=method, description="too many requests", retry_after=_seconds(error)
        ) from error
    except Conflict as error:
        if _unreadable(error):
            raise TelegramUnavailableError(method=method, description=_short(error)) from error
        raise PollingConflictError(method=method, description=error.message) from error
    except (BadRequest, Forbidden, InvalidToken, EndPointNotFound) as error:
        # The library's own words around what Telegram said name the token; no trace may show them.
        said = _said(error)
        if _unreadable(said):
            raise TelegramUnavailableError(method=method, description=_short(said)) from said
        if isinstance(said, InvalidToken) and said.message.lower().startswith(_UNAUTHORIZED):
            pause = TOKEN_PAUSE_SECONDS
            raise TokenRefusedError(method=method, description=said.message, retry_after=pause) from said
        raise TelegramRefusedError(method=method, description=said.message) from said
    except (NetworkError, TelegramError) as error:
        # Who cannot connect has sent nothing.
        unsent = isinstance(error.__cause__, aiohttp.ClientConnectorError)
        raise TelegramUnavailableError(method=method, description=_short(error), nothing_done=unsent) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # JSON of a shape that the library does not expect.
        description = f"an answer that cannot be read ({type(error).__name__})"
        raise TelegramUnavailableError(method=method, description=description) from error


def _said(error: TelegramError) -> TelegramError:
    """Return what Telegram said of a method that the library only passes on: it takes each 401 and 404 for a slip."""
    return error.__cause__ if isinstance(error.__cause__, InvalidToken) else error


def _unreadable(error: TelegramError) -> bool:
    """Whether the library found no JSON object in the answer; it says so by the error's cause."""
    return isinstance(error.__cause__, TelegramError)


def _short(error: TelegramError) -> str:
    return error.message[:_LONGEST_DESCRIPTION]


def _seconds(error: RetryAfter) -> float:
    pause = error.retry_after
    return float(pause) if isinstance(pause, int) else pause.total_seconds()
