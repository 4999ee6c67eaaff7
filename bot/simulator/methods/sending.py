"""Methods that send messages."""

from collections.abc import Callable
from types import MappingProxyType

from bot.simulator.errors import ApiError
from bot.simulator.markup import LONGEST_CAPTION, read_inline_keyboard, read_picture, read_reply_keyboard, read_text
from bot.simulator.model import Chat, JsonObject, Member, Message, User
from bot.simulator.permissions import may
from bot.simulator.shapes import message_json

from .call import Access, MethodCall

# A bot that is no administrator may answer a press with an ephemeral message for so long.
EPHEMERAL_ANSWER_SECONDS = 15.0


def send_message(call: MethodCall) -> object:
    """Send a text."""
    text, entities = read_text(call.args)
    return _send(call, text, entities, photo=False)


def send_photo(call: MethodCall) -> object:
    """Send a picture with a caption."""
    if not call.args.has("photo"):
        raise ApiError.bad_request("there is no photo in the request")
    text, entities = read_text(call.args, "caption", longest=LONGEST_CAPTION)
    return _send(call, text, entities, photo=True, picture=read_picture(call.args, call.args.text("photo")))


def send_chat_action(call: MethodCall) -> object:
    """Show the bot as typing, for nobody."""
    check_may_send(call, call.chat(Access.WRITE), "can_send_messages")
    return True


def _send(
    call: MethodCall, text: str, entities: list[JsonObject], *, photo: bool, picture: bytes | None = None
) -> object:
    buttons = read_inline_keyboard(call.args)
    chat = call.chat(Access.WRITE)
    receiver = _receiver(call, chat)
    if receiver is None:
        check_may_send(call, chat, "can_send_photos" if photo else "can_send_messages")
    message = Message(0, chat, call.now, call.bot, author=call.bot, text=text, entities=entities)
    message.photo, message.picture = photo, picture
    message.buttons, message.receiver = buttons, receiver
    message.keyboard = read_reply_keyboard(call.args)
    message.is_silent = call.args.boolean("disable_notification")
    if chat.type == "channel":
        message.sender, message.sender_chat = None, chat
    _set_thread(call, message)
    _set_reply(call, message)
    call.backend.messages.send(message)
    return message_json(message)


def check_may_send(call: MethodCall, chat: Chat, permission: str) -> None:
    """Refuse as Telegram does where the bot may not write."""
    if chat.peer is not None:
        _check_private(call, chat.peer)
        return
    me = call.me(chat)
    if chat.type == "channel" and not me.has("can_post_messages"):
        raise ApiError.bad_request("need administrator rights in the channel chat")
    if not may(chat, me, permission):
        what = "photos" if permission == "can_send_photos" else "text messages"
        raise ApiError.bad_request(f"not enough rights to send {what} to the chat")


def _check_private(call: MethodCall, user: User) -> None:
    bot = call.bot
    if user.is_deactivated:
        raise ApiError.forbidden("user is deactivated")
    if user.is_bot:
        raise ApiError.forbidden("bot can't send messages to bots")
    if user.id in bot.blocked_by:
        raise ApiError.forbidden("bot was blocked by the user")
    if user.id not in bot.opened_by and bot.may_write_until.get(user.id, 0.0) < call.now:
        raise ApiError.forbidden("bot can't initiate conversation with a user")


def _set_thread(call: MethodCall, message: Message) -> None:
    thread = call.args.integer("message_thread_id")
    if not thread:
        return
    chat = message.chat
    topic = chat.topics.get(thread)
    if topic is None and not (chat.type == "supergroup" and not chat.is_forum and thread in chat.messages):
        raise ApiError.bad_request("message thread not found")
    if topic is not None and topic.is_closed and not call.me(chat).has("can_manage_topics"):
        raise ApiError.bad_request("TOPIC_CLOSED")
    message.thread_id, message.is_topic_message = thread, topic is not None


def _set_reply(call: MethodCall, message: Message) -> None:
    reply = call.args.json_object("reply_parameters")
    if reply is None or not isinstance(reply.get("message_id"), int):
        return
    wanted = reply["message_id"]
    target = message.chat.messages.get(wanted) if isinstance(wanted, int) else None
    if target is None:
        if reply.get("allow_sending_without_reply") is True:
            return
        raise ApiError.bad_request("message to be replied not found")
    message.reply_to = target.id
    if message.thread_id is None and target.is_topic_message:
        message.thread_id, message.is_topic_message = target.thread_id, True


def _receiver(call: MethodCall, chat: Chat) -> User | None:
    """Return who alone is to see the message, if that is wanted and allowed."""
    wanted = call.args.json_object("ephemeral_message_parameters")
    if wanted is None:
        return None
    receiver_id = wanted.get("receiver_user_id")
    if not isinstance(receiver_id, int):
        raise ApiError.bad_request("invalid receiver_user_id specified")
    if not chat.is_group:
        raise ApiError.bad_request("ephemeral messages can be sent only in groups and supergroups")
    receiver = call.participant(chat, receiver_id)
    member: Member = call.member(chat, receiver)
    if receiver.is_bot or not member.is_member:
        raise ApiError.bad_request("USER_NOT_PARTICIPANT")
    if not call.me(chat).is_admin and not _answers_press(call, wanted, receiver):
        raise ApiError.bad_request("not enough rights to send ephemeral messages to the chat")
    return receiver


def _answers_press(call: MethodCall, wanted: JsonObject, receiver: User) -> bool:
    query = call.backend.world.queries.get(str(wanted.get("callback_query_id")))
    return query is not None and query.user is receiver and call.now <= query.at + EPHEMERAL_ANSWER_SECONDS


METHODS: MappingProxyType[str, Callable[[MethodCall], object]] = MappingProxyType(
    {"sendMessage": send_message, "sendPhoto": send_photo, "sendChatAction": send_chat_action}
)
