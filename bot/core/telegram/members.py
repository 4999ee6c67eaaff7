"""ChatPermissions, for python-telegram-bot."""

from telegram import ChatPermissions

from bot.domain.permissions import ALL_PERMISSIONS


def permissions_to_send(allowed: frozenset[str]) -> ChatPermissions:
    """Say true or false to every permission: one that is left out would be taken away."""
    return ChatPermissions.de_json({name: name in allowed for name in ALL_PERMISSIONS})
