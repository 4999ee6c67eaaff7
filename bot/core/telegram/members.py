"""ChatMember and ChatPermissions, between python-telegram-bot's classes and the domain's values."""

from datetime import datetime

from telegram import ChatMember, ChatMemberRestricted, ChatPermissions

from bot.domain.permissions import ALL_PERMISSIONS, MemberState, Role


def member_state(member: ChatMember) -> MemberState:
    """Read what Telegram says of a member."""
    role = Role(member.status)
    fields = member.to_dict()
    match role:
        case Role.OWNER:
            return MemberState(role, rights=frozenset({"can_restrict_members", "can_delete_messages"}))
        case Role.ADMIN:
            return MemberState(role, rights=frozenset(name for name, given in fields.items() if given is True))
        case Role.RESTRICTED:
            return MemberState(
                role,
                permissions=frozenset(name for name in ALL_PERMISSIONS if fields.get(name) is True),
                until=_until(member) if isinstance(member, ChatMemberRestricted) else None,
                is_member=fields.get("is_member") is True,
            )
        case Role.LEFT | Role.BANNED:
            return MemberState(role, is_member=False)
        case Role.MEMBER:
            return MemberState(role)


def permissions_to_send(allowed: frozenset[str]) -> ChatPermissions:
    """Say true or false to every permission: one that is left out would be taken away."""
    return ChatPermissions.de_json({name: name in allowed for name in ALL_PERMISSIONS})


def _until(member: ChatMemberRestricted) -> datetime | None:
    """Telegram writes "for ever" as the Unix time 0."""
    return member.until_date if member.until_date.timestamp() > 0 else None
