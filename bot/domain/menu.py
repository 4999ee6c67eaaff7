"""What Telegram shows about the bot to those who have not written yet: its commands, and the rights it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The narrowest scope that fits somebody wins, so each lists everything they can use.
MENUS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "default": ("help",),
        "all_private_chats": ("start", "settings", "channels", "help", "privacy", "forget_me"),
        "all_group_chats": ("verify", "help", "privacy"),
        "all_chat_administrators": (
            "protect",
            "status",
            "doctor",
            "settings",
            "text",
            "stats",
            "exempt",
            "pause",
            "resume",
            "language",
            "unprotect",
            "verify",
            "help",
        ),
    }
)

GROUP_RIGHTS = frozenset({"can_manage_chat", "can_restrict_members", "can_delete_messages", "can_invite_users"})
CHANNEL_RIGHTS = frozenset({"can_manage_chat", "can_invite_users"})


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a menu."""

    name: str
    description: str


def telegram_language(language: str) -> str:
    """Return the two letters that Telegram knows a language of ours by."""
    return language.partition("_")[0]
