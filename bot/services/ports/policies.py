"""What the choices of a group's admins ask of the outside world."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.group import Exemption, Observed
from bot.domain.ids import BotId, CaseId, GroupId, UserId
from bot.services.ports.groups import GroupStore


class PolicyStore(GroupStore, Protocol):
    """The policies of groups and their exemptions. Raises StoreUnavailableError."""

    async def set_policy(
        self, bot: BotId, group: GroupId, choices: Mapping[str, str], by: UserId
    ) -> tuple[CaseId, ...]:
        """Choose these settings and no other; return open cases that this makes worth another look, or frees."""
        ...

    async def set_prompt_text(self, bot: BotId, group: GroupId, text: str | None, by: UserId) -> None: ...
    async def set_language(self, bot: BotId, group: GroupId, language: str, by: UserId) -> None: ...
    async def exempt(self, bot: BotId, group: GroupId, who: Exemption, by: UserId) -> tuple[CaseId, ...]:
        """Let somebody write whatever they are in, and free them."""
        ...

    async def unexempt(self, bot: BotId, group: GroupId, user: UserId, by: UserId) -> bool: ...
    async def exemptions(self, bot: BotId, group: GroupId, limit: int) -> Sequence[Exemption]:
        """Return who is exempt, the last ones first."""
        ...

    async def observed(self, bot: BotId, group: GroupId, since: datetime) -> Observed:
        """Return whom the gate only observed since then."""
        ...
