"""Links that add the bot with the rights it needs, and that carry an admin from a group into the private chat."""

import re

from bot.domain.ids import GroupId

# Telegram merges these rights with those the bot has: nothing is lost by granting them again.
IN_GROUP = ("can_restrict_members", "can_delete_messages", "can_invite_users")
_IN_CHANNEL = "invite_users"
_SETTINGS = re.compile(r"s(-[0-9]{1,18})")
_GROUP = re.compile(r"g(-[0-9]{1,18})")

ADDED = "new"
"""What `/start` carries in a group to which the bot was added by link: it is greeted there already."""


def add_to_group(username: str) -> str:
    """Return the link that adds the bot to a group, or gives it its rights there."""
    rights = "+".join(right.removeprefix("can_") for right in IN_GROUP)
    return f"https://t.me/{username}?startgroup={ADDED}&admin={rights}"


def add_to_channel(username: str) -> str:
    """Return the link that makes the bot an admin of a channel. Telegram lets it carry nothing else."""
    return f"https://t.me/{username}?startchannel&admin={_IN_CHANNEL}"


def set_up(username: str, group: GroupId) -> str:
    """Return the link by which an admin sets a group up in private."""
    return f"https://t.me/{username}?start=g{group}"


def settings(username: str, group: GroupId) -> str:
    """Return the link by which an admin opens a group's settings in private."""
    return f"https://t.me/{username}?start=s{group}"


def settings_of(payload: str) -> GroupId | None:
    """Read the group whose settings `/start` asks for; None for anything else."""
    found = _SETTINGS.fullmatch(payload)
    return None if found is None else GroupId(int(found[1]))


def group_of(payload: str) -> GroupId | None:
    """Read the group from what `/start` carries; None for anything else."""
    found = _GROUP.fullmatch(payload)
    return None if found is None else GroupId(int(found[1]))
