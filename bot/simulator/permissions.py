"""What members may do: Telegram's permission fields, its defaults and its algebra."""

from collections.abc import Mapping

from .errors import ApiError
from .model import Chat, Member

MEDIA = (
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
)
PERMISSIONS = (
    "can_send_messages",
    *MEDIA,
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
)
NOT_FOR_EVERYBODY = frozenset({"can_change_info", "can_pin_messages", "can_manage_topics", "can_edit_tag"})

COMMON_RIGHTS = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_send_welcome_messages",
)
CHANNEL_RIGHTS = ("can_post_messages", "can_edit_messages", "can_manage_direct_messages")
GROUP_RIGHTS = ("can_pin_messages", "can_manage_topics", "can_manage_tags")
ALL_RIGHTS = (*COMMON_RIGHTS, *CHANNEL_RIGHTS, *GROUP_RIGHTS)

# Shorter or longer than this from now and Telegram takes a restriction as one for ever.
SHORTEST_SECONDS = 30
LONGEST_SECONDS = 366 * 86400


def all_permissions(*, allowed: bool) -> dict[str, bool]:
    """Return every permission with one value."""
    return dict.fromkeys(PERMISSIONS, allowed)


def default_permissions() -> dict[str, bool]:
    """Return what everybody may do in a new group."""
    return {name: name not in NOT_FOR_EVERYBODY for name in PERMISSIONS}


def rights_for(chat: Chat) -> tuple[str, ...]:
    """Return the administrator rights that exist in this kind of chat."""
    return (*COMMON_RIGHTS, *(CHANNEL_RIGHTS if chat.type == "channel" else GROUP_RIGHTS))


def usual_rights(chat: Chat) -> frozenset[str]:
    """Return what the apps tick when a person is made an administrator."""
    return frozenset(rights_for(chat)) - {"can_promote_members", "can_manage_direct_messages", "can_manage_tags"}


def normal_until(until: int, now: float) -> int:
    """Return the end of a restriction as Telegram keeps it: 0 is for ever."""
    if until < now + SHORTEST_SECONDS or until > now + LONGEST_SECONDS:
        return 0
    return until


def parse_permissions(value: object, *, independent: bool) -> dict[str, bool]:
    """Read a ChatPermissions object as the Bot API server does: missing is false, some imply others."""
    if not isinstance(value, dict):
        raise ApiError.bad_request("can't parse permissions: expected an Object")
    given: dict[str, bool] = {}
    for name in (*PERMISSIONS, "can_send_media_messages"):
        if name not in value:
            continue
        if not isinstance(value[name], bool):
            raise ApiError.bad_request(f'can\'t parse permissions: field "{name}" must be of type Boolean')
        given[name] = value[name]
    return complete(given, independent=independent)


def complete(given: Mapping[str, bool], *, independent: bool) -> dict[str, bool]:
    """Return all permissions from the named ones."""
    result = {name: given.get(name, False) for name in PERMISSIONS}
    for name in ("can_manage_topics", "can_edit_tag"):
        result[name] = given.get(name, result["can_pin_messages"])
    if not independent:
        _imply(result)
    result["can_react_to_messages"] = given.get("can_react_to_messages", result["can_send_messages"])
    return result


def _imply(result: dict[str, bool]) -> None:
    if result["can_send_other_messages"] or result["can_add_web_page_previews"]:
        result.update(dict.fromkeys(MEDIA, True))
    if result["can_send_polls"] or any(result[name] for name in MEDIA):
        result["can_send_messages"] = True


def elapsed(member: Member, now: float) -> bool:
    """Say whether a restriction or ban has ended by itself."""
    return member.status in {"restricted", "kicked"} and 0 < member.until_date <= now


def effective(member: Member, now: float) -> Member:
    """Return the standing as of now: an elapsed restriction reads as lifted."""
    if not elapsed(member, now):
        return member
    is_in = member.status == "restricted" and member.is_in
    return Member(member.user, "member" if is_in else "left", is_in=is_in)


def may(chat: Chat, member: Member, permission: str) -> bool:
    """Say whether a member may do this: own permission and the chat's default; administrators always may."""
    if member.is_admin:
        return chat.type != "channel" or member.has("can_post_messages")
    if chat.type == "channel" or member.status == "kicked":
        return False
    own = member.status != "restricted" or member.permissions.get(permission, False)
    return own and chat.permissions.get(permission, True)
