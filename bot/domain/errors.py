"""One error tree. Each border translates what it meets into these, with the data a caller needs."""


class BotError(Exception):
    """Anything GMBot raises on purpose."""


class TelegramError(BotError):
    """A Bot API call did not do what it was asked."""

    def __init__(self, *, method: str, description: str) -> None:
        super().__init__(f"{method}: {description}")
        self.method = method
        self.description = description


class TelegramUnavailableError(TelegramError):
    """Telegram did not answer, or asked us to wait: nothing is known about the outcome, unless `nothing_done` is set.

    `retry_after` is in seconds, when Telegram named it.
    """

    def __init__(
        self, *, method: str, description: str, retry_after: float | None = None, nothing_done: bool = False
    ) -> None:
        super().__init__(method=method, description=description)
        self.retry_after = retry_after
        self.nothing_done = nothing_done


class TelegramPausedError(TelegramUnavailableError):
    """No call for `retry_after` seconds, as Telegram or our budget wants it; nothing is done, and nothing failed."""

    retry_after: float

    def __init__(self, *, method: str, description: str, retry_after: float) -> None:
        super().__init__(method=method, description=description, retry_after=retry_after, nothing_done=True)


class TokenRefusedError(TelegramUnavailableError):
    """Telegram does not know the token (401). That tells nothing about any chat or member."""


class TelegramRefusedError(TelegramError):
    """Telegram understood and said no. Asking again brings the same answer."""


class ChatMovedError(TelegramRefusedError):
    """The group became a supergroup with another id."""

    def __init__(self, *, method: str, new_id: int) -> None:
        super().__init__(method=method, description=f"group chat was upgraded to {new_id}")
        self.new_id = new_id


class PollingConflictError(TelegramRefusedError):
    """Another poller or a webhook has this bot's updates (409)."""


class StoreUnavailableError(BotError):
    """PostgreSQL did not answer; whether the last transaction committed is unknown."""


class ClaimLostError(BotError):
    """Another instance has taken this update over."""


class MalformedUpdateError(BotError):
    """A JSON object that is not an update GMBot can read. Sending it again cannot help."""


class SettingsError(BotError):
    """A setting is missing or wrong; the text says which and what to do."""


class ChannelVetoedError(BotError):
    """Whoever a channel belongs to does not let the group require it. The text is the channel's title."""


class GateTakenError(BotError):
    """Another bot of this deployment guards the group already; two gates would fight over its members."""


class NotReadyError(BotError):
    """A part of the instance does not work yet, or not any more; the text says which and why."""


class InvalidInputError(BotError):
    """An operator asked for something that cannot be; `field` names which part of it is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class TooLargeError(InvalidInputError):
    """What an operator sends is larger than what is taken."""


class NotFoundError(BotError):
    """There is no such thing, or not for whoever asks."""


class NotAllowedError(BotError):
    """Whoever asks may not do this."""


class NotHostedError(NotFoundError):
    """This deployment has no such bot."""


class AlreadyHostedError(BotError):
    """This deployment has the bot already."""


class GivenSecretError(BotError):
    """A setting names the webhook secret of all bots, so another one of a bot's own would not count."""


class StillHeldError(BotError):
    """People are muted by this bot, and nobody but the bot may lift it; `held` tells how many."""

    def __init__(self, held: int, text: str) -> None:
        super().__init__(text)
        self.held = held


class BackupError(BotError):
    """A backup could not be made, found, checked or restored; the text says why and what to do."""


class WrongBackupKeyError(BackupError):
    """A backup was sealed with another key."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was sealed with another ENCRYPTION_KEY; set the one of the time it was made")


class DamagedBackupError(BackupError):
    """A backup is not what was written."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is damaged or was changed; use another backup")


class TwinError(BotError):
    """Two databases cannot be made twins, or are none; the text says why."""


class LiveTargetError(BackupError):
    """What would be overwritten by a restore is in use, or holds data."""
