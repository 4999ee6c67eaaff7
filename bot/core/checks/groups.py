"""One protected group: whether the bot may do there, and in the channels, what it has to."""

from collections.abc import Sequence
from types import MappingProxyType

from bot.core.telegram.client import TelegramClient
from bot.domain.errors import TelegramRefusedError
from bot.domain.finding import Finding, failure, fine, note, warning
from bot.domain.group import ProtectedGroup
from bot.domain.ids import GroupId, UserId
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement, needed_in_group

_NAMES = MappingProxyType({"can_restrict_members": "ban users", "can_delete_messages": "delete messages"})


async def group(protected: ProtectedGroup, telegram: TelegramClient) -> Sequence[Finding]:
    """Ask Telegram for the bot's rights in a group and in each channel it requires."""
    name = f"{protected.title!r} ({protected.group_id})"
    if not protected.protected:
        return [note(f"{name} is not protected", "/protect in the group")]
    found: list[Finding] = []
    state = await _own(telegram, protected, protected.group_id)
    needed = needed_in_group(protected.enforcement)
    missing = [_NAMES[right] for right in needed if right not in state.rights]
    if not state.is_admin:
        found.append(failure(f"{name}: the bot is no administrator there", "make it one in the group's settings"))
    elif missing:
        found.append(
            failure(f"{name}: the bot may not {' and '.join(missing)}", "edit its rights in the group's administrators")
        )
    if protected.basic_group and protected.enforcement is Enforcement.DELETE:
        found.append(note(f"{name} is a basic group: messages are deleted, nobody is muted", "make it a supergroup"))
    for channel in protected.channels:
        if not (await _own(telegram, protected, channel.channel_id)).is_admin:
            found.append(
                failure(
                    f"{name}: in the channel {channel.title!r} the bot is no administrator, so nobody can be checked",
                    "make it an administrator of the channel; any right will do",
                )
            )
        if channel.join_url is None:
            found.append(warning(f"{name}: members get no link to {channel.title!r}", "/protect once more makes one"))
    if protected.paused_reason is not None:
        found.append(warning(f"{name} is paused: {protected.paused_reason}", "it resumes when nothing is missing"))
    return found or [fine(f"{name} is guarded")]


async def _own(telegram: TelegramClient, protected: ProtectedGroup, chat: int) -> MemberState:
    try:
        return await telegram.member_state(protected.bot_id, GroupId(chat), UserId(protected.bot_id))
    except TelegramRefusedError:
        return MemberState(Role.LEFT, is_member=False)
