"""What the embedded servers raise."""

from bot.domain.errors import BotError


class EmbeddedUnavailableError(BotError):
    """The embedded servers cannot run here: one sentence why, and what to set instead."""

    def __init__(self, reason: str, *, first: str = "") -> None:
        super().__init__(f"{reason}; {first}set DATABASE_URL and REDIS_URL to use servers of your own")
