"""What the services ask of those who keep groups: set-up, policies, channels, figures."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.consent import Answer, OwnChannel, Stopped, Terms
from bot.domain.group import ChatInfo, Exemption, GroupSetup, Observed, ProtectedGroup, SetUp
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, UserId
from bot.domain.operator import By
from bot.domain.stats import Day


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
    async def set_link(self, group: ProtectedGroup, channel: ChannelId, link: str | None) -> None:
        """Have the group's prompts lead into the channel by this link."""
        ...


Draw = Callable[[Sequence[Day]], Awaitable[bytes]]
"""Draws the days as a picture (PNG)."""


class Figures(Protocol):
    """The days of a group, the last one today. Raises StoreUnavailableError."""

    async def days(self, bot: BotId, group: GroupId, former: Sequence[GroupId], count: int) -> Sequence[Day]: ...


class PolicyStore(GroupStore, Protocol):
    """The policies of groups and their exemptions. Raises StoreUnavailableError."""

    async def set_policy(self, bot: BotId, group: GroupId, choices: Mapping[str, str], by: By) -> tuple[CaseId, ...]:
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


class SetUps(Protocol):
    """Groups that admins set up in private. All methods raise StoreUnavailableError."""

    async def open(self, bot: BotId, user: UserId, group: ChatInfo, before: tuple[ChannelId, ...]) -> SetUp: ...
    async def get(self, bot: BotId, user: UserId, number: int) -> SetUp | None: ...
    async def latest(self, bot: BotId, user: UserId) -> SetUp | None: ...
    async def pick(self, number: int, channel: ChannelId) -> bool:
        """Note the channel; False when it is noted already: somebody else tells the admin."""
        ...


class ChannelStore(Protocol):
    """Channels and the groups that require them. Every change is one transaction; raises StoreUnavailableError."""

    async def terms(self, bot: BotId, channel: ChannelId, group: GroupId) -> Terms: ...
    async def known_to(self, bot: BotId, user: UserId, limit: int) -> Sequence[tuple[ChannelId, str]]:
        """Return channels that somebody gave to the bot, or set up a group with: they may be an admin there."""
        ...

    async def card(self, bot: BotId, channel: ChannelId, limit: int) -> OwnChannel | None:
        """Return a channel with the groups that have to do with it, those that wait first."""
        ...

    async def given(self, bot: BotId, channel: ChannelId, title: str, username: str | None, by: UserId) -> None: ...
    async def set_consent(self, bot: BotId, channel: ChannelId, by: UserId, *, consent: bool) -> None: ...
    async def answer(
        self, bot: BotId, channel: ChannelId, group: GroupId, title: str, answer: Answer, by: UserId
    ) -> Stopped | None:
        """Note an answer. A veto ends the use at once; None where there was none."""
        ...
