"""One protected group: whether the bot may do there, and in the channels, what it has to."""

from collections.abc import Sequence
from types import MappingProxyType

from bot.core.telegram.client import TelegramClient
from bot.domain.errors import TelegramRefusedError
from bot.domain.finding import Finding, failure, fine, note, warning
from bot.domain.group import Channel, ProtectedGroup
from bot.domain.ids import GroupId, UserId
from bot.domain.permissions import MemberState, Role
from bot.domain.policy import Enforcement, JoinRequests, needed_in_group

_NAMES = MappingProxyType({"can_restrict_members": "ban users", "can_delete_messages": "delete messages"})

_INVITE = "can_invite_users"


async def group(protected: ProtectedGroup, telegram: TelegramClient) -> Sequence[Finding]:
    """Ask Telegram for the bot's rights in a group and in each channel it requires."""
    name = f"{protected.title!r} ({protected.group_id})"
    if not protected.protected:
        return [note(f"{name} is not protected", "/protect in the group")]
    found = list(await _in_group(protected, telegram, name))
    if protected.basic_group and protected.enforcement is Enforcement.DELETE:
        found.append(note(f"{name} is a basic group: messages are deleted, nobody is muted", "make it a supergroup"))
    for channel in protected.channels:
        found += await _in_channel(protected, channel, telegram, name)
    if protected.paused_reason is not None:
        found.append(warning(f"{name} is paused: {protected.paused_reason}", "it resumes when nothing is missing"))
    return found or [fine(f"{name} is guarded")]


async def _in_group(protected: ProtectedGroup, telegram: TelegramClient, name: str) -> Sequence[Finding]:
    state = await _own(telegram, protected, protected.group_id)
    needed = needed_in_group(protected.enforcement)
    missing = [_NAMES[right] for right in needed if right not in state.rights]
    where = "edit its rights in the group's administrators"
    if not state.is_admin:
        return [failure(f"{name}: the bot is no administrator there", "make it one in the group's settings")]
    found = [failure(f"{name}: the bot may not {' and '.join(missing)}", where)] if missing else []
    if protected.policy.join_requests is not JoinRequests.LEAVE and _INVITE not in state.rights:
        found.append(warning(f"{name}: the bot may not invite users, so requests to join go unanswered", where))
    return found


async def _in_channel(
    protected: ProtectedGroup, channel: Channel, telegram: TelegramClient, name: str
) -> Sequence[Finding]:
    state, where, found = await _own(telegram, protected, channel.channel_id), f"channel {channel.title!r}", []
    if not state.is_admin:
        what = f"{name}: in the {where} the bot is no administrator, so nobody can be checked"
        found.append(failure(what, "make it an administrator of the channel; any right will do"))
    elif protected.policy.pending_minutes and _INVITE not in state.rights:
        what = f"{name}: in the {where} the bot may not invite users, so it hears of no requests"
        found.append(warning(what, "edit its rights in the channel's administrators"))
    if channel.join_url is None:
        found.append(warning(f"{name}: members get no link to {channel.title!r}", "/protect once more makes one"))
    return found


async def _own(telegram: TelegramClient, protected: ProtectedGroup, chat: int) -> MemberState:
    try:
        return await telegram.member_state(protected.bot_id, GroupId(chat), UserId(protected.bot_id))
    except TelegramRefusedError:
        return MemberState(Role.LEFT, is_member=False)
