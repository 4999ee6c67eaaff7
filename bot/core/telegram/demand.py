"""What a call asks of the budgets: which class its method belongs to, how urgent it is, which windows it counts in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from bot.domain.ids import BotId

# Calls a moment apart here may arrive closer together there; each window is longer than Telegram's by this much.
_SECOND_MS = 1_050
_MINUTE_MS = 61_000
# Telegram allows one message per second to one user, and short bursts.
_PRIVATE_BURST = 3


class Priority(Enum):
    """Who goes first."""

    PRESS = "press"
    """Somebody waits for the answer: a button, a command, and whoever is to be freed."""
    JOIN = "join"
    """What follows from joining, leaving and speaking."""
    BULK = "bulk"
    """What nobody waits for."""


class Kind(Enum):
    """Classes of methods, each with its own limits and pauses."""

    SEND = "send"
    MODERATE = "moderate"
    READ = "read"
    ANSWER = "answer"
    OTHER = "other"


_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "sendMessage": Kind.SEND,
        "sendPhoto": Kind.SEND,
        "editMessageText": Kind.SEND,
        "editMessageMedia": Kind.SEND,
        "editEphemeralMessageText": Kind.SEND,
        "restrictChatMember": Kind.MODERATE,
        "banChatMember": Kind.MODERATE,
        "unbanChatMember": Kind.MODERATE,
        "approveChatJoinRequest": Kind.MODERATE,
        "declineChatJoinRequest": Kind.MODERATE,
        "deleteMessage": Kind.MODERATE,
        "deleteMessages": Kind.MODERATE,
        "deleteEphemeralMessage": Kind.MODERATE,
        "createChatInviteLink": Kind.MODERATE,
        "editChatInviteLink": Kind.MODERATE,
        "getMe": Kind.READ,
        "getChat": Kind.READ,
        "getChatAdministrators": Kind.READ,
        "getChatMember": Kind.READ,
        "answerCallbackQuery": Kind.ANSWER,
        "answerChatJoinRequestQuery": Kind.ANSWER,
    }
)

# Calls in the first second after a pause; with every second twice as many.
START_PLACES = 4
# How much of a slow start after a pause is open to each. For bulk work, which is patient and would be the first there,
# nothing in the first second, unless it is hungry.
START_SHARES: Mapping[Priority, float] = MappingProxyType({Priority.PRESS: 1.0, Priority.JOIN: 0.8, Priority.BULK: 0.1})


@dataclass(frozen=True, slots=True)
class Demand:
    """One call that wants to start."""

    bot: BotId
    method: str
    chat: int | str | None
    priority: Priority

    @property
    def kind(self) -> Kind:
        """The class of the method."""
        return _KINDS.get(self.method, Kind.OTHER)

    @property
    def scope(self) -> str:
        """What a first `retry_after` holds: this class of methods in this chat."""
        return f"{self.method if self.kind is Kind.OTHER else self.kind.value}:{self.chat}"

    @property
    def wide_scope(self) -> str:
        """What a repeated `retry_after` holds: the bot. How it gets its updates is a matter of its own."""
        return "other" if self.kind is Kind.OTHER else "bot"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `most` calls in any `ms`, of which `open` are for this caller."""

    name: str
    ms: int
    most: int
    open: int
    counts: bool = True
    """The call takes a place; otherwise it only looks whether there is one."""
    yields: bool = False
    """Who gave way here for seconds on end may use all places once, and one is kept for them by the more urgent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The figures of one bot."""

    per_second: int
    """Sends of the bot in any second."""
    per_chat: int
    """Sends to one group in any minute."""
    bulk: int
    """Calls of bulk work in any second, reads too."""

    def windows(self, demand: Demand) -> tuple[Window, ...]:
        """Return the windows in which there must be a place. Reads and member changes have none but a slow start."""
        found: list[Window] = []
        sends, bulk = demand.kind is Kind.SEND, demand.priority is Priority.BULK
        if sends or bulk:
            found.append(
                Window(
                    name="send",
                    ms=_SECOND_MS,
                    most=self.per_second,
                    open=_open(self.per_second, demand.priority),
                    counts=sends,
                    yields=True,
                )
            )
        if bulk:
            found.append(Window(name="bulk", ms=_SECOND_MS, most=self.bulk, open=self.bulk))
        if sends:
            found.append(self._chat(demand))
        return tuple(found)

    def _chat(self, demand: Demand) -> Window:
        name = f"chat:{demand.chat}"
        if isinstance(demand.chat, int) and demand.chat > 0:
            return Window(name=name, ms=_PRIVATE_BURST * _SECOND_MS, most=_PRIVATE_BURST, open=_PRIVATE_BURST)
        # A fifth of a group's places is kept for answers to commands, so that a wave of joins does not silence them.
        places = self.per_chat if demand.priority is Priority.PRESS else _open(self.per_chat, Priority.JOIN)
        return Window(name=name, ms=_MINUTE_MS, most=self.per_chat, open=places)


def _open(most: int, priority: Priority) -> int:
    """Return how many places may be in use when somebody of this priority comes: the rest is kept free."""
    match priority:
        case Priority.PRESS:
            return most
        case Priority.JOIN:
            return max(1, most - -(-most // 5))
        case Priority.BULK:
            return most // 2
