"""Methods that restrict, ban and promote."""

from collections.abc import Callable
from types import MappingProxyType

from bot.simulator.errors import ApiError
from bot.simulator.model import Chat, User
from bot.simulator.permissions import ALL_RIGHTS, parse_permissions

from .call import Access, MethodCall

NOT_ENOUGH = "not enough rights to restrict/unrestrict chat member"


def restrict_chat_member(call: MethodCall) -> object:
    """Limit what a member may do, or lift it with everything allowed."""
    user_id = call.user_id()
    allowed = parse_permissions(
        call.args.json("permissions") or {}, independent=call.args.boolean("use_independent_chat_permissions")
    )
    chat = call.chat(Access.WRITE)
    if chat.type != "supergroup":
        raise ApiError.bad_request("method is available only for supergroups")
    user = call.participant(chat, user_id)
    members, until = call.backend.members, call.args.integer("until_date")
    new = members.restricted(chat, user, by=call.bot, allowed=allowed, until=until)
    if new == call.member(chat, user) and user is not call.bot:
        return True  # Telegram asks for no right where nothing changes
    _check_target(call, chat, user)
    members.set(chat, new, actor=call.bot)
    return True


def _check_target(call: MethodCall, chat: Chat, user: User) -> None:
    if user is call.bot:
        raise ApiError.bad_request("can't restrict self")
    if not call.me(chat).has("can_restrict_members"):
        raise ApiError.bad_request(NOT_ENOUGH)
    target = call.member(chat, user)
    if target.status == "creator":
        raise ApiError.bad_request("can't remove chat owner")
    if target.is_admin and target.promoted_by != call.bot.id:
        raise ApiError.bad_request("user is an administrator of the chat")


def ban_chat_member(call: MethodCall) -> object:
    """Remove a user who may not return until then."""
    user_id = call.user_id()
    chat = _changeable(call)
    user = call.participant(chat, user_id)
    _check_target(call, chat, user)
    call.backend.members.ban(chat, user, by=call.bot, until=call.args.integer("until_date"))
    return True


def unban_chat_member(call: MethodCall) -> object:
    """Let a banned user return; without only_if_banned a member is removed, too."""
    user_id = call.user_id()
    chat = _changeable(call)
    if chat.type == "group":
        raise ApiError.bad_request("method is available for supergroup and channel chats only")
    user = call.participant(chat, user_id)
    is_banned = call.member(chat, user).status == "kicked"
    if call.args.boolean("only_if_banned") and not is_banned:
        return True
    _check_target(call, chat, user)
    if call.member(chat, user).is_member:
        call.backend.members.ban(chat, user, by=call.bot)
    call.backend.members.unban(chat, user, by=call.bot)
    return True


def _changeable(call: MethodCall) -> Chat:
    chat = call.chat(Access.WRITE)
    if chat.bot is not None:
        raise ApiError.bad_request("chat member status can't be changed in private chats")
    return chat


def promote_chat_member(call: MethodCall) -> object:
    """Make a member an administrator with rights the bot holds itself, or an ordinary member."""
    user_id = call.user_id()
    chat = _changeable(call)
    user = call.participant(chat, user_id)
    me = call.me(chat)
    if not me.has("can_promote_members"):
        raise ApiError.bad_request("not enough rights")
    target = call.member(chat, user)
    if target.status == "creator" or (target.is_admin and target.promoted_by != call.bot.id):
        raise ApiError.bad_request("CHAT_ADMIN_REQUIRED")
    rights = frozenset(name for name in ALL_RIGHTS if call.args.boolean(name))
    if not all(me.has(name) for name in rights):
        raise ApiError.bad_request("RIGHT_FORBIDDEN")
    call.backend.members.promote(chat, user, by=call.bot, rights=rights, anonymous=call.args.boolean("is_anonymous"))
    return True


def set_chat_permissions(call: MethodCall) -> object:
    """Change what everybody may do in a group."""
    allowed = parse_permissions(
        call.args.json("permissions") or {}, independent=call.args.boolean("use_independent_chat_permissions")
    )
    chat = call.chat(Access.WRITE)
    if not chat.is_group:
        raise ApiError.bad_request("can't change private chat permissions")
    if not call.me(chat).has("can_restrict_members"):
        raise ApiError.bad_request("not enough rights to change chat permissions")
    chat.permissions = allowed
    call.backend.record.changed()
    return True


def ban_chat_sender_chat(call: MethodCall) -> object:
    """Keep a channel's owner from writing as any channel."""
    return _sender_chat(call, banned=True)


def unban_chat_sender_chat(call: MethodCall) -> object:
    """Allow a channel again."""
    return _sender_chat(call, banned=False)


def _sender_chat(call: MethodCall, *, banned: bool) -> object:
    chat = _changeable(call)
    if not call.me(chat).has("can_restrict_members"):
        raise ApiError.bad_request("not enough rights to ban/unban a chat sender")
    sender = call.args.integer("sender_chat_id")
    if sender not in call.backend.world.chats:
        raise ApiError.bad_request("sender chat not found")
    if banned:
        chat.banned_senders.add(sender)
    else:
        chat.banned_senders.discard(sender)
    return True


METHODS: MappingProxyType[str, Callable[[MethodCall], object]] = MappingProxyType(
    {
        "restrictChatMember": restrict_chat_member,
        "banChatMember": ban_chat_member,
        "unbanChatMember": unban_chat_member,
        "promoteChatMember": promote_chat_member,
        "setChatPermissions": set_chat_permissions,
        "banChatSenderChat": ban_chat_sender_chat,
        "unbanChatSenderChat": unban_chat_sender_chat,
    }
)
