"""What admins say to strangers instead of the catalog's words: a little of Telegram's HTML, and what is filled in."""

import html
import re

from bot.domain.directions import is_right_to_left, right_to_left

LONGEST = 1000
"""Characters without tags. A message has 4096; names and titles have to fit in, too."""
PLACEHOLDERS = ("name", "channels", "group")

_PIECE = re.compile(r"<[^<>]*>|\{[^{}\s]*\}|<|>|&(?:amp|lt|gt|quot);|&|[^<>{&]+|\{")
_TAG = re.compile(r'<(?:(/)?(b|i|u|s|code|a)|a href="(https://[^"<>{}]{1,256})")>')


class PromptTextError(ValueError):
    """Why a text cannot be used, as the key of a sentence and what goes into it."""

    def __init__(self, key: str, **values: str | int) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def checked(text: str) -> str:
    """Return the text as Telegram's HTML with its placeholders. Raises PromptTextError."""
    pieces: list[str] = []
    open_tags: list[str] = []
    named: set[str] = set()
    for piece in _PIECE.findall(text.strip()):
        if piece.startswith("<") and piece != "<":
            _take_tag(piece, open_tags)
        elif piece.startswith("{") and piece != "{":
            named.add(_placeholder(piece, open_tags))
        pieces.append(html.escape(piece) if piece in {"<", ">", "&"} else piece)
    if open_tags:
        raise PromptTextError("text.unclosed", part=f"<{open_tags[-1]}>")
    if "name" not in named:
        raise PromptTextError("text.no_name")
    told = "".join(pieces)
    length = len(html.unescape(re.sub(r"<[^<>]*>", "", told)))
    if length > LONGEST:
        raise PromptTextError("text.too_long", total=length, most=LONGEST)
    return told


def filled(template: str, *, user_id: int | None = None, **values: str) -> str:
    """Fill a checked text in; a name with a user is a mention, and what people typed cannot be markup."""
    told = {name: html.escape(value, quote=False) for name, value in values.items()}
    if user_id is not None:
        told["name"] = f'<a href="tg://user?id={user_id}">{told["name"]}</a>'
    placed = right_to_left(template) if is_right_to_left(template) else template
    return re.sub(r"\{(\w+)\}", lambda found: told[found[1]], placed)


def _take_tag(piece: str, open_tags: list[str]) -> None:
    found = _TAG.fullmatch(piece)
    name = "a" if found is None or found[3] else found[2]
    if found is None or piece == "<a>":
        raise PromptTextError("text.bad_tag", part=piece)
    if not found[1]:
        if name in open_tags:
            raise PromptTextError("text.bad_tag", part=piece)
        open_tags.append(name)
    elif not open_tags or open_tags.pop() != name:
        raise PromptTextError("text.unclosed", part=piece)


def _placeholder(piece: str, open_tags: list[str]) -> str:
    name = piece[1:-1]
    # A mention is a link, and neither links nor code take one in.
    if name not in PLACEHOLDERS or (name == "name" and {"a", "code"} & set(open_tags)):
        raise PromptTextError("text.bad_placeholder", part=piece)
    return name
