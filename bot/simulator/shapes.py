"""The world's things as Bot API JSON, as one bot sees them."""

from .model import (
    CHANNEL_BOT,
    GROUP_ANONYMOUS_BOT,
    TELEGRAM,
    Bot,
    CallbackQuery,
    Chat,
    InviteLink,
    JoinRequest,
    JsonObject,
    Member,
    Message,
    User,
)
from .permissions import PERMISSIONS, rights_for

VISIBLE_LINK_CHARACTERS = 21  # "https://t.me/+" and the beginning of the hash


def user_json(user: User) -> JsonObject:
    """Return a User."""
    result: JsonObject = {"id": user.id, "is_bot": user.is_bot, "first_name": user.first_name}
    for name, value in (
        ("last_name", user.last_name),
        ("username", user.username),
        ("language_code", user.language_code),
    ):
        if value:
            result[name] = value
    return result


def bot_json(bot: Bot) -> JsonObject:
    """Return what getMe says."""
    return user_json(bot) | {
        "can_join_groups": True,
        "can_read_all_group_messages": bot.reads_all_messages,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        "allows_users_to_create_topics": False,
        "can_manage_bots": False,
        "supports_join_request_queries": bot.guards_join_requests,
        "supports_guest_queries": False,
    }


def anonymous_admin() -> User:
    """Return the account that stands for administrators who stay anonymous."""
    return User(GROUP_ANONYMOUS_BOT, "Group", username="GroupAnonymousBot", is_bot=True)


def channel_sender() -> User:
    """Return the account that stands for people who write as a channel."""
    return User(CHANNEL_BOT, "Channel", username="Channel_Bot", is_bot=True)


def service_account() -> User:
    """Return Telegram's own account, which forwards channel posts into discussion groups."""
    return User(TELEGRAM, "Telegram")


def chat_json(chat: Chat) -> JsonObject:
    """Return a Chat."""
    result: JsonObject = {"id": chat.id, "type": chat.type}
    if chat.peer is not None:
        result["first_name"] = chat.peer.first_name
        if chat.peer.last_name:
            result["last_name"] = chat.peer.last_name
        if chat.peer.username:
            result["username"] = chat.peer.username
        return result
    result["title"] = chat.title
    if chat.username:
        result["username"] = chat.username
    if chat.is_forum:
        result["is_forum"] = True
    return result


def full_chat_json(chat: Chat, bot: Bot) -> JsonObject:
    """Return what getChat says."""
    result = chat_json(chat) | {
        "accent_color_id": abs(chat.id) % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(
            ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
        ),
    }
    if chat.type != "private":
        result |= _group_details(chat, bot)
    if chat.username:
        result["active_usernames"] = [chat.username]
    return result


def _group_details(chat: Chat, bot: Bot) -> JsonObject:
    result: JsonObject = {}
    if chat.is_group:
        result["permissions"] = {name: chat.permissions[name] for name in PERMISSIONS}
    if chat.description:
        result["description"] = chat.description
    if chat.linked is not None:
        result["linked_chat_id"] = chat.linked.id
    for name, value in (
        ("join_to_send_messages", chat.join_to_send_messages),
        ("join_by_request", chat.join_by_request),
        ("has_hidden_members", chat.has_hidden_members),
    ):
        if value:
            result[name] = True
    me = chat.members.get(bot.id)
    if me is not None and me.has("can_invite_users"):
        primary = [
            link for link in chat.links.values() if link.is_primary and link.creator is bot and not link.is_revoked
        ]
        if primary:
            result["invite_link"] = primary[0].url
    return result


def member_json(chat: Chat, member: Member, bot: Bot) -> JsonObject:
    """Return a ChatMember of the variant its status asks for."""
    result: JsonObject = {"user": user_json(member.user), "status": member.status}
    match member.status:
        case "creator":
            result["is_anonymous"] = member.is_anonymous
        case "administrator":
            result["can_be_edited"] = member.promoted_by == bot.id
            result["is_anonymous"] = member.is_anonymous
            result |= {name: name in member.rights for name in rights_for(chat)}
        case "restricted":
            result["until_date"] = member.until_date
            result |= {name: member.permissions.get(name, False) for name in PERMISSIONS}
            result["is_member"] = member.is_in
        case "kicked":
            result["until_date"] = member.until_date
        case _:
            pass
    if member.is_admin and member.custom_title:
        result["custom_title"] = member.custom_title
    return result


def link_json(link: InviteLink, bot: Bot) -> JsonObject:
    """Return a ChatInviteLink; links of other administrators are shown cut."""
    url = link.url if link.creator is bot else f"{link.url[:VISIBLE_LINK_CHARACTERS]}…"
    result: JsonObject = {
        "invite_link": url,
        "creator": user_json(link.creator),
        "creates_join_request": link.creates_join_request,
        "is_primary": link.is_primary,
        "is_revoked": link.is_revoked,
    }
    for name, value in (
        ("name", link.name),
        ("expire_date", link.expire_date),
        ("member_limit", link.member_limit),
    ):
        if value is not None:
            result[name] = value
    return result


def message_json(message: Message, *, with_reply: bool = True) -> JsonObject:
    """Return a Message."""
    result: JsonObject = {"message_id": message.id}
    if message.sender is not None:
        result["from"] = user_json(message.sender)
    if message.sender_chat is not None:
        result["sender_chat"] = chat_json(message.sender_chat)
    result["chat"] = chat_json(message.chat)
    result["date"] = int(message.date)
    result |= _message_details(message)
    if with_reply and message.reply_to is not None and message.reply_to in message.chat.messages:
        result["reply_to_message"] = message_json(message.chat.messages[message.reply_to], with_reply=False)
    result |= _message_content(message)
    if message.service is not None:
        result |= message.service
    if message.buttons is not None:
        result["reply_markup"] = message.buttons
    return result


def _message_details(message: Message) -> JsonObject:
    result: JsonObject = {}
    if message.receiver is not None:
        result["receiver_user"] = user_json(message.receiver)
    for name, value in (
        ("ephemeral_message_id", message.ephemeral_id),
        ("edit_date", None if message.edited_at is None else int(message.edited_at)),
        ("message_thread_id", message.thread_id),
        ("author_signature", message.signature),
        ("media_group_id", message.media_group_id),
        ("forward_origin", message.forward_origin),
    ):
        if value is not None:
            result[name] = value
    if message.is_topic_message:
        result["is_topic_message"] = True
    if message.is_automatic_forward:
        result["is_automatic_forward"] = True
    return result


def _message_content(message: Message) -> JsonObject:
    result: JsonObject = {}
    if message.photo:
        result["photo"] = [_photo_size(message, width, height) for width, height in ((90, 67), (800, 600))]
    if message.text:
        result["caption" if message.photo else "text"] = message.text
        if message.entities:
            result["caption_entities" if message.photo else "entities"] = message.entities
    return result


def _photo_size(message: Message, width: int, height: int) -> JsonObject:
    name = f"{abs(message.chat.id)}x{message.id}x{width}"
    return {
        "file_id": f"AgACphoto{name}",
        "file_unique_id": f"AQAD{name}",
        "width": width,
        "height": height,
        "file_size": width * height // 10,
    }


def query_json(query: CallbackQuery) -> JsonObject:
    """Return a CallbackQuery; a message that is gone is shown as inaccessible."""
    message = query.message
    chat = message.chat
    if message.receiver is None:
        stands = message.id in chat.messages
    else:
        stands = (message.receiver.id, message.ephemeral_id) in chat.ephemeral
    gone: JsonObject = {"chat": chat_json(chat), "message_id": message.id, "date": 0}
    return {
        "id": query.id,
        "from": user_json(query.user),
        "message": message_json(message) if stands else gone,
        "chat_instance": str(abs(message.chat.id) * 7919 % (1 << 63)),
        "data": query.data,
    }


def request_json(chat: Chat, request: JoinRequest, bot: Bot) -> JsonObject:
    """Return a ChatJoinRequest."""
    result: JsonObject = {
        "chat": chat_json(chat),
        "from": user_json(request.user),
        "user_chat_id": request.user.id,
        "date": int(request.at),
    }
    if request.link is not None:
        result["invite_link"] = link_json(request.link, bot)
    if request.query_id is not None and bot.guards_join_requests:
        result["query_id"] = request.query_id
    return result
