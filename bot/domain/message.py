"""What GMBot says, before it is put into Bot API terms."""

from dataclasses import dataclass

from bot.domain.ids import EphemeralId, MessageId, TopicId


@dataclass(frozen=True, slots=True)
class Button:
    """One inline button: it opens `url`, or sends `data` (1 to 64 bytes) back to the bot."""

    text: str
    url: str | None = None
    data: str | None = None
    style: str | None = None
    """`primary`, `success` or `danger`; older clients show the plain button."""


@dataclass(frozen=True, slots=True)
class ChannelPicker:
    """A key below the composer, in private chats only: the app lists the person's channels.

    The app adds the bot to the one they pick. `request_id`, a signed 32-bit number, comes back with it.
    """

    text: str
    request_id: int
    gives_rights: bool = True
    """Else only channels in which the bot is already are listed, and it stays what it is there."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. `text` is Telegram's HTML; whatever a person typed is escaped in it already."""

    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    topic_id: TopicId | None = None
    reply_to: MessageId | None = None
    silent: bool = True
    picker: ChannelPicker | None = None
    """Shown instead of buttons: Telegram takes one or the other."""
    picture: bytes | None = None
    """A PNG above the text, which is its caption then and has at most 1024 characters."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What a message that was sent is known by: a number in its chat, or one of those that a single member sees."""

    message_id: MessageId | None = None
    ephemeral_id: EphemeralId | None = None

    @property
    def stands(self) -> bool:
        """Whether anybody sees it. Telegram gives the number 0 to no message: there it tells that one was tried."""
        return self.message_id is not None or bool(self.ephemeral_id)
