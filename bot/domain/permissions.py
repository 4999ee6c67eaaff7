"""What a member may do in a group, as Telegram keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

# Every field of ChatPermissions in Bot API 10.3. To lift a restriction all of them must be true:
# one that is left out counts as false and keeps the user "restricted" for ever.
ALL_PERMISSIONS = frozenset(
    {
        "can_send_messages",
        "can_send_audios",
        "can_send_documents",
        "can_send_photos",
        "can_send_videos",
        "can_send_video_notes",
        "can_send_voice_notes",
        "can_send_polls",
        "can_send_other_messages",
        "can_add_web_page_previews",
        "can_react_to_messages",
        "can_edit_tag",
        "can_change_info",
        "can_invite_users",
        "can_pin_messages",
        "can_manage_topics",
    }
)

# Telegram reads an until_date less than 30 s ahead as "for ever"; 35 leaves room for the way there.
SHORTEST_RESTRICTION = timedelta(seconds=35)


class Role(Enum):
    """A user's place in a group."""

    OWNER = "creator"
    ADMIN = "administrator"
    MEMBER = "member"
    RESTRICTED = "restricted"
    LEFT = "left"
    BANNED = "kicked"


@dataclass(frozen=True, slots=True)
class Prior:
    """A restriction that somebody else had imposed, to be put back exactly. `until` None means for ever."""

    permissions: frozenset[str]
    until: datetime | None


@dataclass(frozen=True, slots=True)
class MemberState:
    """One user in one group, as Telegram says it is now."""

    role: Role
    permissions: frozenset[str] = ALL_PERMISSIONS
    until: datetime | None = None
    is_member: bool = True
    rights: frozenset[str] = frozenset()
    """Administrator rights; all of them for the owner."""

    @property
    def is_admin(self) -> bool:
        """Owner or administrator: nobody GMBot may touch."""
        return self.role in {Role.OWNER, Role.ADMIN}

    @property
    def may_send(self) -> bool:
        """Whether the user's own permissions let them write."""
        return self.role is not Role.BANNED and "can_send_messages" in self.permissions

    @property
    def restriction(self) -> Prior | None:
        """The restriction in force, if there is one."""
        return Prior(self.permissions, self.until) if self.role is Role.RESTRICTED else None


def restored(prior: Prior | None, now: datetime) -> Prior | None:
    """Tell what to put back: the prior restriction, or None for full rights when it is (nearly) over."""
    if prior is None or prior.until is None:
        return prior
    return prior if prior.until - now > SHORTEST_RESTRICTION else None


def read_member(fields: Mapping[str, object]) -> MemberState:
    """Read a ChatMember object of the Bot API. Raises ValueError for a status it does not define."""
    role = Role(fields["status"])
    match role:
        case Role.OWNER:
            return MemberState(role, rights=frozenset({"can_restrict_members", "can_delete_messages"}))
        case Role.ADMIN:
            return MemberState(role, rights=frozenset(name for name, given in fields.items() if given is True))
        case Role.RESTRICTED:
            return MemberState(
                role,
                permissions=frozenset(name for name in ALL_PERMISSIONS if fields.get(name) is True),
                until=_until(fields.get("until_date")),
                is_member=fields.get("is_member") is True,
            )
        case Role.BANNED:
            return MemberState(role, until=_until(fields.get("until_date")), is_member=False)
        case Role.LEFT:
            return MemberState(role, is_member=False)
        case Role.MEMBER:
            return MemberState(role)


def _until(seconds: object) -> datetime | None:
    """Read an until_date: Telegram writes "for ever" as 0."""
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds > 0 else None
