"""Methods that read chats and their members."""

from collections.abc import Callable
from types import MappingProxyType

from bot.simulator import shapes
from bot.simulator.errors import ApiError
from bot.simulator.model import Bot, Chat

from .call import Access, MethodCall


def get_chat(call: MethodCall) -> object:
    """Return a ChatFullInfo."""
    return shapes.full_chat_json(call.chat(Access.READ), call.bot)


def _check_member_list(call: MethodCall, chat: Chat) -> None:
    me = call.me(chat)
    if me.is_admin or chat.bot is not None:
        return
    if chat.type == "channel":
        raise ApiError.bad_request("member list is inaccessible")
    if chat.has_hidden_members:
        raise ApiError.bad_request("CHAT_ADMIN_REQUIRED")


def get_chat_member(call: MethodCall) -> object:
    """Return a ChatMember; who is no participant has left, if the bot has ever met them."""
    user_id = call.user_id()
    chat = call.chat(Access.READ if user_id == call.bot.id else Access.MEMBERS)
    if chat.bot is not None and user_id not in chat.members:
        raise ApiError.bad_request("member not found")
    if user_id != call.bot.id:
        _check_member_list(call, chat)
    user = call.participant(chat, user_id)
    return shapes.member_json(chat, call.member(chat, user), call.bot)


def get_chat_administrators(call: MethodCall) -> object:
    """Return the owner and the administrators; of the bots only the one that asks, unless all are wanted."""
    chat = call.chat(Access.MEMBERS)
    if chat.bot is not None:
        raise ApiError.bad_request("there are no administrators in the private chat")
    if chat.type == "channel" and not call.me(chat).is_admin:
        raise ApiError.bad_request("member list is inaccessible")
    with_bots = call.args.boolean("return_bots")
    admins = [member for member in chat.members.values() if member.is_admin]
    shown = [m for m in admins if with_bots or not isinstance(m.user, Bot) or m.user is call.bot]
    call.bot.seen_users.update(member.user.id for member in shown)
    return [shapes.member_json(chat, member, call.bot) for member in shown]


def get_chat_member_count(call: MethodCall) -> object:
    """Return how many are in the chat."""
    chat = call.chat(Access.READ)
    return sum(call.backend.world.member(chat, member.user).is_member for member in chat.members.values())


def leave_chat(call: MethodCall) -> object:
    """Leave a group or channel."""
    chat = call.chat(Access.READ)
    if chat.bot is not None:
        raise ApiError.bad_request("chat member status can't be changed in private chats")
    if call.me(chat).is_member:
        call.backend.members.leave(call.bot, chat)
    return True


METHODS: MappingProxyType[str, Callable[[MethodCall], object]] = MappingProxyType(
    {
        "getChat": get_chat,
        "getChatMember": get_chat_member,
        "getChatAdministrators": get_chat_administrators,
        "getChatMemberCount": get_chat_member_count,
        "leaveChat": leave_chat,
    }
)
