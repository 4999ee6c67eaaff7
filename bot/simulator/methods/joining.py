"""Methods for invite links and join requests."""

from collections.abc import Callable
from types import MappingProxyType

from bot.simulator.errors import ApiError
from bot.simulator.model import Chat, InviteLink, User
from bot.simulator.shapes import link_json

from .call import Access, MethodCall


def _manageable(call: MethodCall, missing: str) -> Chat:
    chat = call.chat(Access.WRITE)
    if chat.bot is not None or not call.me(chat).has("can_invite_users"):
        raise ApiError.bad_request(missing)
    return chat


def approve_chat_join_request(call: MethodCall) -> object:
    """Let somebody in who asked."""
    chat, user = _requester(call)
    call.backend.invites.approve(chat, user, by=call.bot)
    return True


def decline_chat_join_request(call: MethodCall) -> object:
    """Turn somebody away who asked."""
    chat, user = _requester(call)
    call.backend.invites.decline(chat, user, by=call.bot)
    return True


def _requester(call: MethodCall) -> tuple[Chat, User]:
    user_id = call.user_id()
    chat = _manageable(call, "not enough rights to manage chat join requests")
    user = call.participant(chat, user_id)
    if call.member(chat, user).is_member:
        raise ApiError.bad_request("USER_ALREADY_PARTICIPANT")
    if user_id not in chat.requests:
        raise ApiError.bad_request("HIDE_REQUESTER_MISSING")
    return chat, user


def answer_chat_join_request_query(call: MethodCall) -> object:
    """Decide as the guard of a chat: approve, decline, or leave it to the administrators."""
    result = call.args.text("result")
    found = call.backend.invites.by_query(call.bot, call.args.text("chat_join_request_query_id"))
    if found is None:
        raise ApiError.bad_request("QUERY_ID_INVALID")
    chat, request = found
    if result == "approve":
        call.backend.invites.approve(chat, request.user, by=call.bot)
    elif result == "decline":
        call.backend.invites.decline(chat, request.user, by=call.bot)
    elif result == "queue":
        request.query_id = None
    else:
        raise ApiError.bad_request("invalid result specified")
    return True


def send_chat_join_request_web_app(call: MethodCall) -> object:
    """Show a Mini App to who asks; here only noted in the record."""
    if call.backend.invites.by_query(call.bot, call.args.text("chat_join_request_query_id")) is None:
        raise ApiError.bad_request("QUERY_ID_INVALID")
    if not call.args.text("web_app_url").startswith("https://"):
        raise ApiError.bad_request("Web App URL is invalid")
    return True


def create_chat_invite_link(call: MethodCall) -> object:
    """Create a further link."""
    chat = _manageable(call, "not enough rights to manage chat invite link")
    limit = call.args.integer("member_limit") or None
    requests = call.args.boolean("creates_join_request")
    if requests and limit is not None:
        raise ApiError.bad_request("member limit can't be specified for links requiring administrator approval")
    link = call.backend.world.new_link(chat, call.bot)
    link.name = call.args.text("name") or None
    link.expire_date = call.args.integer("expire_date") or None
    link.member_limit, link.creates_join_request = limit, requests
    call.backend.record.changed()
    return link_json(link, call.bot)


def edit_chat_invite_link(call: MethodCall) -> object:
    """Change one of the bot's further links; what is not named falls back to none."""
    chat = _manageable(call, "not enough rights to manage chat invite link")
    wanted = call.args.text("invite_link")
    for link in _own(chat, call.bot):
        if link.url == wanted and not link.is_primary:
            link.name = call.args.text("name") or None
            link.expire_date = call.args.integer("expire_date") or None
            link.member_limit = call.args.integer("member_limit") or None
            link.creates_join_request = call.args.boolean("creates_join_request")
            call.backend.record.changed()
            return link_json(link, call.bot)
    raise ApiError.bad_request("INVITE_HASH_EXPIRED")


def export_chat_invite_link(call: MethodCall) -> object:
    """Replace the bot's primary link."""
    chat = _manageable(call, "not enough rights to manage chat invite link")
    for link in _own(chat, call.bot):
        if link.is_primary:
            link.is_revoked = True
    return call.backend.world.new_link(chat, call.bot, is_primary=True).url


def revoke_chat_invite_link(call: MethodCall) -> object:
    """End one of the bot's links."""
    chat = _manageable(call, "not enough rights to manage chat invite link")
    wanted = call.args.text("invite_link")
    for link in _own(chat, call.bot):
        if link.url == wanted:
            link.is_revoked = True
            return link_json(link, call.bot)
    raise ApiError.bad_request("INVITE_HASH_EXPIRED")


def _own(chat: Chat, user: User) -> list[InviteLink]:
    return [link for link in chat.links.values() if link.creator is user and not link.is_revoked]


METHODS: MappingProxyType[str, Callable[[MethodCall], object]] = MappingProxyType(
    {
        "approveChatJoinRequest": approve_chat_join_request,
        "declineChatJoinRequest": decline_chat_join_request,
        "answerChatJoinRequestQuery": answer_chat_join_request_query,
        "sendChatJoinRequestWebApp": send_chat_join_request_web_app,
        "createChatInviteLink": create_chat_invite_link,
        "editChatInviteLink": edit_chat_invite_link,
        "exportChatInviteLink": export_chat_invite_link,
        "revokeChatInviteLink": revoke_chat_invite_link,
    }
)
