"""What goes wrong in the simulator, by who is told."""


class SimulatorError(Exception):
    """The root of what the simulator raises."""


class NotAllowed(SimulatorError):  # noqa: N818 - reads as the sentence it is in tests: `with pytest.raises(NotAllowed)`
    """A person tried what Telegram's apps would not let them do: speak while muted, restrict without the right."""


class NotFound(SimulatorError):  # noqa: N818 - the pair of NotAllowed
    """No such user, chat, message or query in this world."""


class NotSettled(SimulatorError):  # noqa: N818 - the pair of NotAllowed
    """Deliveries or calls were still under way when the wait ended."""


class ApiError(SimulatorError):
    """A refusal as the Bot API words it."""

    def __init__(
        self,
        description: str,
        *,
        code: int = 400,
        retry_after: int | None = None,
        migrate_to: int | None = None,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.code = code
        self.retry_after = retry_after
        self.migrate_to = migrate_to

    @classmethod
    def bad_request(cls, text: str) -> "ApiError":
        """Return 400 with Telegram's prefix."""
        return cls(f"Bad Request: {text}")

    @classmethod
    def forbidden(cls, text: str) -> "ApiError":
        """Return 403 with Telegram's prefix."""
        return cls(f"Forbidden: {text}", code=403)

    @classmethod
    def flood(cls, retry_after: int) -> "ApiError":
        """Return 429 with the time to wait."""
        return cls(f"Too Many Requests: retry after {retry_after}", code=429, retry_after=retry_after)
