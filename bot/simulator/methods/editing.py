"""Methods that edit and delete messages, and answer presses."""

from collections.abc import Callable
from types import MappingProxyType

from bot.simulator.args import Args
from bot.simulator.errors import ApiError
from bot.simulator.markup import LONGEST_CAPTION, read_inline_keyboard, read_picture, read_text
from bot.simulator.model import CallbackAnswer, Chat, JsonObject, Message
from bot.simulator.shapes import message_json

from .call import Access, MethodCall

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
TOO_LATE = "query is too old and response timeout expired or query ID is invalid"
DELETABLE_SECONDS = 2 * 86400
MOST_DELETED = 100
LONGEST_ANSWER = 200


def edit_message_text(call: MethodCall) -> object:
    """Replace the text and the keyboard of one of the bot's messages."""
    text, entities = read_text(call.args)
    buttons = read_inline_keyboard(call.args)
    message = _editable(call)
    if message.photo:
        raise ApiError.bad_request("there is no text in the message to edit")
    _apply(call, message, text, entities, buttons)
    return message_json(message)


def edit_message_reply_markup(call: MethodCall) -> object:
    """Replace the keyboard of one of the bot's messages."""
    buttons = read_inline_keyboard(call.args)
    message = _editable(call)
    _apply(call, message, message.text, message.entities, buttons)
    return message_json(message)


def edit_message_media(call: MethodCall) -> object:
    """Replace the picture, its caption and the keyboard of one of the bot's messages; other media are not known."""
    media = call.args.json_object("media")
    if media is None or media.get("type") != "photo" or not isinstance(media.get("media"), str):
        raise ApiError.bad_request("can't parse InputMedia: only photos can be sent here")
    given = {name: value for name, value in media.items() if name in {"caption", "parse_mode"}}
    caption = Args({name: str(value) for name, value in given.items()})
    text, entities = read_text(caption, "caption", longest=LONGEST_CAPTION)
    buttons = read_inline_keyboard(call.args)
    message = _editable(call)
    picture = read_picture(call.args, str(media["media"]))
    message.photo, message.picture = True, picture
    _apply(call, message, text, entities, buttons)
    return message_json(message)


def _editable(call: MethodCall) -> Message:
    chat = call.chat(Access.EDIT)
    message = chat.messages.get(call.args.integer("message_id"))
    if message is None:
        raise ApiError.bad_request("message to edit not found")
    if message.author is not call.bot or message.service is not None or message.keyboard is not None:
        raise ApiError.bad_request("message can't be edited")
    return message


def _apply(
    call: MethodCall,
    message: Message,
    text: str | None,
    entities: list[JsonObject],
    buttons: JsonObject | None,
) -> None:
    if (message.text, message.entities, message.buttons) == (text, entities, buttons):
        raise ApiError.bad_request(NOT_MODIFIED)
    message.text, message.entities, message.buttons = text, entities, buttons
    message.edited_at = call.now
    call.backend.record.changed()


def delete_message(call: MethodCall) -> object:
    """Delete one message."""
    chat = call.chat(Access.WRITE)
    message = chat.messages.get(call.args.integer("message_id"))
    if message is None:
        raise ApiError.bad_request("message to delete not found")
    _check_deletable(call, chat, message)
    call.backend.messages.delete(chat, message.id)
    return True


def delete_messages(call: MethodCall) -> object:
    """Delete many; unknown ones are skipped, one that may not be deleted fails all."""
    wanted = call.args.json("message_ids")
    if not isinstance(wanted, list) or not wanted:
        raise ApiError.bad_request("message identifiers are not specified")
    if len(wanted) > MOST_DELETED:
        raise ApiError.bad_request("too many message identifiers specified")
    chat = call.chat(Access.WRITE)
    found = list(dict.fromkeys(chat.messages[each] for each in wanted if each in chat.messages))
    for message in found:
        _check_deletable(call, chat, message)
    for message in found:
        call.backend.messages.delete(chat, message.id)
    return True


def _check_deletable(call: MethodCall, chat: Chat, message: Message) -> None:
    is_own = message.author is call.bot
    is_old = call.now >= message.date + DELETABLE_SECONDS
    created = message.service is not None and not {"supergroup_chat_created", "forum_topic_created"}.isdisjoint(
        message.service
    )
    may_delete = is_own or chat.type == "private" or call.me(chat).has("can_delete_messages")
    if is_old or created or not may_delete:
        raise ApiError.bad_request("message can't be deleted")


def pin_chat_message(call: MethodCall) -> object:
    """Check the right to pin; a pin is not shown anywhere."""
    chat = call.chat(Access.WRITE)
    right = "can_edit_messages" if chat.type == "channel" else "can_pin_messages"
    if chat.bot is None and not call.me(chat).has(right):
        raise ApiError.bad_request("not enough rights to manage pinned messages in the chat")
    if call.args.has("message_id") and call.args.integer("message_id") not in chat.messages:
        raise ApiError.bad_request("message to pin not found")
    return True


def edit_ephemeral_message_text(call: MethodCall) -> object:
    """Replace what one member sees."""
    text, entities = read_text(call.args)
    buttons = read_inline_keyboard(call.args)
    message = _ephemeral(call, "edit")
    _apply(call, message, text, entities, buttons)
    return True


def edit_ephemeral_message_reply_markup(call: MethodCall) -> object:
    """Replace the keyboard one member sees."""
    buttons = read_inline_keyboard(call.args)
    message = _ephemeral(call, "edit")
    _apply(call, message, message.text, message.entities, buttons)
    return True


def delete_ephemeral_message(call: MethodCall) -> object:
    """Take back what one member sees."""
    message = _ephemeral(call, "delete")
    if message.receiver is not None and message.ephemeral_id is not None:
        del message.chat.ephemeral[message.receiver.id, message.ephemeral_id]
    call.backend.record.changed()
    return True


def _ephemeral(call: MethodCall, verb: str) -> Message:
    chat = call.chat(Access.WRITE)
    key = (call.user_id("receiver_user_id"), call.args.integer("ephemeral_message_id"))
    message = chat.ephemeral.get(key)
    if message is None or message.author is not call.bot:
        raise ApiError.bad_request(f"message to {verb} not found")
    return message


def answer_callback_query(call: MethodCall) -> object:
    """Answer a press, once and in time."""
    text = call.args.text("text")
    if len(text) > LONGEST_ANSWER:
        raise ApiError.bad_request("MESSAGE_TOO_LONG")
    answer = CallbackAnswer(text or None, call.args.boolean("show_alert"), call.args.text("url") or None)
    if not call.backend.callbacks.answer(call.bot, call.args.text("callback_query_id"), answer):
        raise ApiError.bad_request(TOO_LATE)
    return True


METHODS: MappingProxyType[str, Callable[[MethodCall], object]] = MappingProxyType(
    {
        "editMessageText": edit_message_text,
        "editMessageMedia": edit_message_media,
        "editMessageReplyMarkup": edit_message_reply_markup,
        "deleteMessage": delete_message,
        "deleteMessages": delete_messages,
        "pinChatMessage": pin_chat_message,
        "unpinChatMessage": pin_chat_message,
        "editEphemeralMessageText": edit_ephemeral_message_text,
        "editEphemeralMessageReplyMarkup": edit_ephemeral_message_reply_markup,
        "deleteEphemeralMessage": delete_ephemeral_message,
        "answerCallbackQuery": answer_callback_query,
    }
)
