"""Button presses and the bots' answers to them."""

from collections.abc import Iterator

from .errors import NotAllowed, NotFound
from .feed import Feed
from .model import Bot, CallbackAnswer, CallbackQuery, JsonObject, Message, User
from .record import Happening, Record
from .world import World


def buttons_of(message: Message) -> Iterator[JsonObject]:
    """Yield the inline buttons below a message."""
    rows = (message.buttons or {}).get("inline_keyboard", [])
    for row in rows if isinstance(rows, list) else []:
        yield from row


class Callbacks:
    """Turns presses into callback queries; Telegram's app shows the answer only for a while."""

    def __init__(self, *, world: World, feed: Feed, record: Record, answer_seconds: float) -> None:
        self._world = world
        self._feed = feed
        self._record = record
        self._answer_seconds = answer_seconds

    def press(self, user: User, message: Message, data: str) -> CallbackQuery:
        """Press the button with this data below a message the user can see."""
        chat = message.chat
        if message.receiver is not None and message.receiver is not user:
            raise NotFound("no such message for this user")
        if chat.bot is None and chat.username is None and not self._world.member(chat, user).is_member:
            raise NotAllowed(f"{user.name} cannot see {chat.title}")
        if all(button.get("callback_data") != data for button in buttons_of(message)):
            raise NotAllowed("the message has no such button")
        if not isinstance(message.author, Bot):
            raise NotAllowed("no bot sent this message")
        query = CallbackQuery(self._world.new_query_id(), message.author, user, message, data, self._world.now)
        self._world.queries[query.id] = query
        self._feed.press(query)
        return query

    def answer(self, bot: Bot, query_id: str, answer: CallbackAnswer) -> bool:
        """Take a bot's answer; false when it is too late, answered before, or not this bot's to give."""
        query = self._world.queries.get(query_id)
        if query is None or query.bot is not bot or query.answer is not None:
            return False
        if self._world.now > query.at + self._answer_seconds:
            return False
        query.answer = answer
        data: JsonObject = {
            "query": query.id,
            "user": query.user.id,
            "text": answer.text,
            "show_alert": answer.show_alert,
            "url": answer.url,
        }
        self._record.changed()
        self._record.answers.append(Happening(self._record.sequence, "answer", data))
        return True
