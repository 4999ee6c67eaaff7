"""Texts and keyboards as bots send them."""

from .args import Args
from .entities import find_entities, parse_html, utf16_length
from .errors import ApiError
from .model import JsonObject

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
LONGEST_CALLBACK_DATA = 64
LARGEST_PICTURE = 10 << 20
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
STYLES = frozenset({"danger", "success", "primary"})
BUTTON_KINDS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
    "disabled",
)


def read_text(args: Args, name: str = "text", *, longest: int = LONGEST_TEXT) -> tuple[str, list[JsonObject]]:
    """Return the text and its entities, by parse_mode, by given entities, or as found."""
    source = args.text(name)
    mode = args.text("parse_mode").lower()
    given = args.json("caption_entities" if name == "caption" else "entities")
    if mode == "html":
        text, entities = parse_html(source)
    elif mode in {"", "none"}:
        text, entities = source.strip(), []
        if isinstance(given, list) and not mode:
            entities = [entity for entity in given if isinstance(entity, dict)]
    elif mode in {"markdown", "markdownv2"}:
        # The simulator reads HTML only; the other modes pass unread, marks and all.
        text, entities = source.strip(), []
    else:
        raise ApiError.bad_request("unsupported parse_mode")
    if not text and name == "text":
        raise ApiError.bad_request("message text is empty")
    if utf16_length(text) > longest:
        raise ApiError.bad_request("message is too long" if name == "text" else "message caption is too long")
    return text, _merged(entities, find_entities(text))


def read_picture(args: Args, reference: str) -> bytes | None:
    """Return the picture that came with the call; None for one that Telegram has already, or fetches."""
    name = reference.removeprefix("attach://")
    if name == reference:
        return None
    picture = args.file(name)
    if picture is None:
        raise ApiError.bad_request(f'file "{name}" is missing in the request')
    if not picture.startswith(PICTURES):
        raise ApiError.bad_request("IMAGE_PROCESS_FAILED")
    if len(picture) > LARGEST_PICTURE:
        raise ApiError.bad_request("file is too big")
    return picture


def _merged(marked: list[JsonObject], found: list[JsonObject]) -> list[JsonObject]:
    """Add what Telegram finds by itself where nothing is marked yet."""
    spans = [(_number(each, "offset"), _number(each, "length")) for each in marked]
    free = [
        each
        for each in found
        if not any(
            start < _number(each, "offset") + _number(each, "length") and _number(each, "offset") < start + length
            for start, length in spans
        )
    ]
    return sorted([*marked, *free], key=lambda each: _number(each, "offset"))


def _number(entity: JsonObject, name: str) -> int:
    value = entity.get(name)
    return value if isinstance(value, int) else 0


def read_inline_keyboard(args: Args) -> JsonObject | None:
    """Return the inline keyboard, checked as Telegram checks it; other markup leaves no trace in a message."""
    markup = args.json_object("reply_markup")
    if markup is None or "inline_keyboard" not in markup:
        return None
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list):
        raise ApiError.bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    keyboard = [[_read_button(button) for button in row] for row in rows if isinstance(row, list) and row]
    return {"inline_keyboard": keyboard} if keyboard else None


def read_reply_keyboard(args: Args) -> list[list[JsonObject]] | None:
    """Return the rows of a reply keyboard, which the app shows in place of the letters."""
    markup = args.json_object("reply_markup")
    rows = None if markup is None else markup.get("keyboard")
    if not isinstance(rows, list):
        return None
    return [[_reply_button(button) for button in row] for row in rows if isinstance(row, list)]


def _reply_button(button: object) -> JsonObject:
    if isinstance(button, str):
        return {"text": button}
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise ApiError.bad_request("can't parse keyboard button: Can't find field \"text\"")
    return button


def _read_button(button: object) -> JsonObject:
    if not isinstance(button, dict):
        raise ApiError.bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    text = button.get("text")
    if not isinstance(text, str):
        raise ApiError.bad_request("can't parse inline keyboard button: Can't find field \"text\"")
    if not text.strip():
        raise ApiError.bad_request("inline keyboard button text must be non-empty")
    kinds = [kind for kind in BUTTON_KINDS if kind in button]
    if not kinds:
        raise ApiError.bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if "callback_data" in button:
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= LONGEST_CALLBACK_DATA:
            raise ApiError.bad_request("BUTTON_DATA_INVALID")
    if "url" in button:
        _check_url(button["url"])
    if "style" in button and button["style"] not in STYLES:
        raise ApiError.bad_request("invalid button style specified")
    kept = ("text", "style", "icon_custom_emoji_id", *kinds)
    return {name: button[name] for name in kept if name in button}


def _check_url(url: object) -> None:
    known = ("http://", "https://", "tg://", "ton://")
    if not isinstance(url, str) or not url:
        raise ApiError.bad_request("BUTTON_URL_INVALID")
    if not url.startswith(known) and ("." not in url or " " in url):
        raise ApiError.bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
