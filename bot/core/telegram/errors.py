"""From python-telegram-bot's errors to ours: Telegram said no, or Telegram did not answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot.domain.errors import (
    ChatMovedError,
    PollingConflictError,
    TelegramRefusedError,
    TelegramUnavailableError,
)


@contextmanager
def translated(method: str) -> Iterator[None]:
    """Raise our errors for python-telegram-bot's. A BadRequest is a NetworkError there; here it is a refusal."""
    try:
        yield
    except ChatMigrated as error:
        raise ChatMovedError(method=method, new_id=error.new_chat_id) from error
    except RetryAfter as error:
        raise TelegramUnavailableError(
            method=method, description="too many requests", retry_after=_seconds(error)
        ) from error
    except Conflict as error:
        raise PollingConflictError(method=method, description=error.message) from error
    except (BadRequest, Forbidden, InvalidToken) as error:
        raise TelegramRefusedError(method=method, description=error.message) from error
    except (NetworkError, TelegramError) as error:
        raise TelegramUnavailableError(method=method, description=error.message) from error


def _seconds(error: RetryAfter) -> float:
    pause = error.retry_after
    return float(pause) if isinstance(pause, int) else pause.total_seconds()
