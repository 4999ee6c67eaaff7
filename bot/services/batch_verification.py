"""Verifies members in advance, at quiet times, so that their next messages cost no question."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.ids import GroupId, UserId
from bot.domain.warming import WarmupStats
from bot.services.membership.warmer import Warmer

__all__ = ["WARMER", "WarmupContext", "WarmupStats", "warm_cache_for_all_groups", "warm_cache_for_group"]

WARMER = "warmer"
"""The key of `bot_data` under which a bot's handlers find its Warmer."""


class WarmupApplication(Protocol):
    """The part of an application that warming needs."""

    @property
    def bot_data(self) -> Mapping[str, object]:
        """What belongs to the bot."""
        ...


class WarmupContext(Protocol):
    """The part of a handler's context that warming needs."""

    @property
    def application(self) -> WarmupApplication:
        """The application the handler belongs to."""
        ...


async def warm_cache_for_group(
    group_id: int, context: WarmupContext, user_ids: Sequence[int] | None = None
) -> WarmupStats:
    """Verify users of one group, by default the members seen lately, and remember the answers.

    One verification is one call to Telegram; what is fresh costs none. Raises StoreUnavailableError.
    """
    users = None if user_ids is None else [UserId(user) for user in user_ids]
    return await _warmer(context).group(GroupId(group_id), users)


async def warm_cache_for_all_groups(context: WarmupContext) -> WarmupStats:
    """Verify the members seen lately in all protected groups of the context's bot. Raises StoreUnavailableError."""
    return await _warmer(context).all_groups()


def _warmer(context: WarmupContext) -> Warmer:
    warmer = context.application.bot_data[WARMER]
    if not isinstance(warmer, Warmer):
        raise TypeError(f"bot_data[{WARMER!r}] is no Warmer")
    return warmer
