"""What the services ask of those who keep groups and who was seen in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.group import GroupSetup, ProtectedGroup
from bot.domain.ids import (
    BotId,
    CaseId,
    GroupId,
    UserId,
)
from bot.domain.operator import By
from bot.domain.policy import Presence


class GroupStore(Protocol):
    """The configuration of groups. Every change is one transaction; all methods raise StoreUnavailableError."""

    async def changed_since(self, seq: int) -> tuple[int, Sequence[ProtectedGroup]]:
        """Return the configuration counter and the groups changed after `seq`."""
        ...

    async def protect(self, setup: GroupSetup) -> tuple[CaseId, ...]:
        """Turn the gate on; return open cases that the new list of channels makes worth another look.

        Raises GateTakenError when another bot of this deployment guards the group.
        """
        ...

    async def unprotect(self, bot: BotId, group: GroupId, by: UserId) -> tuple[CaseId, ...] | None:
        """Turn the gate off and want everybody free; None when it was not on."""
        ...

    async def pause(
        self, bot: BotId, group: GroupId, reason: str, *, was: str | None, free: bool, by: By | None = None
    ) -> tuple[CaseId, ...] | None:
        """Stop gating for a reason; None when the group is not paused, or paused, as it `was` any more.

        Without `by` it is the bot itself that pauses.
        """
        ...

    async def resume(self, bot: BotId, group: GroupId, *, was: str, by: By | None = None) -> tuple[CaseId, ...] | None:
        """Gate again; None when the group is not paused as it `was` any more."""
        ...

    async def hurry(self, bot: BotId, group: GroupId) -> tuple[CaseId, ...]:
        """Have everybody who is to be freed in the group freed now; return their cases."""
        ...

    async def move(self, bot: BotId, old: GroupId, new: GroupId) -> tuple[CaseId, ...]: ...


class ActivityStore(Protocol):
    """Who has been seen where, and how many messages needed no question. All methods raise StoreUnavailableError."""

    async def presence(self, bot: BotId, group: GroupId, user: UserId) -> Presence: ...
    async def seen(self, sightings: Sequence[tuple[BotId, GroupId, UserId, datetime]]) -> None: ...
    async def unasked(self, counts: Sequence[tuple[BotId, GroupId, int]]) -> None: ...
