"""What prompts ask of the outside world."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.crowd import Crowd, Room
from bot.domain.ids import BotId, ChannelId, EphemeralId, GroupId, MessageId, UserId
from bot.domain.message import Outgoing, Posted
from bot.domain.restriction import Case, PromptState


class PromptLedger(Protocol):
    """Where a case's prompt is. Raises StoreUnavailableError."""

    async def prompting(self, case: Case, *, room: Room, channels: Sequence[ChannelId]) -> Case | None:
        """Record, before the call, that a prompt is being sent; where there is no room the case shares the group's."""
        ...

    async def prompted(
        self,
        case: Case,
        state: PromptState,
        *,
        message: MessageId | None = None,
        ephemeral: EphemeralId | None = None,
        channels: Sequence[ChannelId] = (),
    ) -> Case | None: ...


class Crowds(Protocol):
    """The shared prompts of all groups. Raises StoreUnavailableError."""

    async def take(self, limit: int) -> Sequence[Crowd]:
        """Lease shared prompts whose count has changed, or that grow old, for 10 s."""
        ...

    async def stands(self, crowd: Crowd, message: MessageId | None, *, shown: int) -> None:
        """Record where the shared prompt is and what it says; None when it is gone, for now if somebody waits."""
        ...

    async def later(self, crowd: Crowd, *, seconds: float) -> None:
        """Try again later."""
        ...


class EphemeralMessages(Protocol):
    """Messages that one member of a group sees. Raises TelegramUnavailableError or TelegramRefusedError."""

    def offers_ephemeral(self, bot: BotId, group: GroupId) -> bool:
        """Whether Telegram is worth asking: it has not refused lately."""
        ...

    async def send_ephemeral(self, bot: BotId, group: GroupId, user: UserId, message: Outgoing) -> Posted:
        """Send a message to one member. A server that knows nothing of it sends an ordinary one."""
        ...

    async def edit_ephemeral(
        self, bot: BotId, group: GroupId, user: UserId, message_id: EphemeralId, message: Outgoing
    ) -> None: ...

    async def delete_ephemeral(self, bot: BotId, group: GroupId, user: UserId, message_id: EphemeralId) -> None: ...


class Bans(Protocol):
    """Who is banned in a channel, as far as was heard when they were last asked about."""

    def banned(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> tuple[ChannelId, ...]:
        """Return those of these channels that the user is banned in, in their order."""
        ...
