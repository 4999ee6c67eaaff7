"""The actions of `POST /control/act`: people's verbs by name, with identifiers instead of objects."""

import re
from collections.abc import Callable
from types import MappingProxyType

from .backend import Backend
from .errors import NotFound, SimulatorError
from .model import Bot, Chat, InviteLink, JsonObject, User
from .people import People
from .permissions import ALL_RIGHTS, complete
from .state import StateView, chat_key, user_json

# What @BotFather takes.
_BOT_NAME = re.compile(r"[A-Za-z]\w{1,28}bot", re.ASCII | re.IGNORECASE)


class NotUnderstood(SimulatorError):  # noqa: N818 - the pair of NotAllowed and NotFound
    """A request to the control API lacks something or names something that is none."""


class Act:
    """One action: who acts, on what, with which details."""

    def __init__(self, *, people: People, backend: Backend, body: JsonObject) -> None:
        self.people = people
        self.backend = backend
        self._body = body

    def run(self) -> object:
        """Do it and return the result."""
        name = self.text("action")
        if name not in ACTIONS:
            raise NotUnderstood(f"there is no action {name!r}; there are {', '.join(sorted(ACTIONS))}")
        return ACTIONS[name](self)

    def has(self, name: str) -> bool:
        """Say whether a detail was given."""
        return self._body.get(name) is not None

    def value(self, name: str) -> object:
        """Return a detail as it came, or None."""
        return self._body.get(name)

    def text(self, name: str) -> str:
        """Return a text that must be there."""
        value = self._body.get(name)
        if not isinstance(value, str) or not value:
            raise NotUnderstood(f"{name} must be a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None when it is missing."""
        return self.text(name) if self._body.get(name) else None

    def number(self, name: str) -> int:
        """Return a number, also from its text."""
        value = self._body.get(name)
        try:
            return int(str(value))
        except ValueError:
            raise NotUnderstood(f"{name} must be a number") from None

    def optional_number(self, name: str) -> int | None:
        """Return a number, or None when it is missing."""
        return self.number(name) if self.has(name) else None

    @property
    def user(self) -> User:
        """Who acts."""
        return self.backend.world.user(self.number("user"))

    @property
    def target(self) -> User:
        """Whom it is about."""
        return self.backend.world.user(self.number("target"))

    @property
    def bot(self) -> Bot:
        """The bot that is meant."""
        return self._bot(self.number("bot"))

    @property
    def chat(self) -> Chat:
        """The chat that is meant: by its id, or by a bot's id for the private chat with it."""
        return self.chat_named("chat")

    def chat_named(self, name: str) -> Chat:
        """Return a chat by key."""
        key = self.number(name)
        if key > 0:
            return self.backend.world.private_chat(self._bot(key), self.user)
        if key not in self.backend.world.chats:
            raise NotFound(f"there is no chat {key}")
        return self.backend.world.chats[key]

    def _bot(self, bot_id: int) -> Bot:
        if bot_id not in self.backend.world.bots:
            raise NotFound(f"there is no bot {bot_id}")
        return self.backend.world.bots[bot_id]

    def door(self) -> tuple[Chat, InviteLink | None]:
        """Return the chat to enter and the link it is entered by, if one was given."""
        url = self.optional_text("link")
        if url is None:
            return self.chat, None
        found = self.backend.world.link(url)
        if found is not None:
            return found
        chat = self.backend.world.public_chat(url.rstrip("/").rpartition("/")[2])
        if chat is None:
            raise NotFound(f"the link {url} leads nowhere")
        return chat, None


def _say(act: Act) -> object:
    channel = act.chat_named("as_channel") if act.has("as_channel") else None
    message = act.people.say(
        act.user,
        act.chat,
        act.text("text"),
        topic=act.optional_number("topic"),
        reply_to=act.optional_number("reply_to"),
        photo=act.value("photo") is True,
        media_group_id=act.optional_text("media_group_id"),
        as_channel=channel,
    )
    view = StateView(backend=act.backend, viewer=act.user)
    return view.message(message, act.backend.world.member(act.chat, act.user))


def _start(act: Act) -> object:
    payload = act.optional_text("payload")
    act.people.private(act.user, act.bot, f"/start {payload}" if payload else "/start")
    return {"key": str(act.bot.id)}


def _comment(act: Act) -> object:
    return act.people.comment(act.user, act.chat, act.text("text")).id


def _press(act: Act) -> object:
    ephemeral = act.optional_number("ephemeral")
    message = act.optional_number("message") or 0
    query = act.people.press(act.user, act.chat, message, act.text("data"), ephemeral=ephemeral)
    return {"query": query.id}


def _answer(act: Act) -> object:
    query = act.backend.world.queries.get(str(act.value("query")))
    if query is None:
        raise NotFound("there is no such query")
    answer = query.answer
    return None if answer is None else {"text": answer.text, "show_alert": answer.show_alert, "url": answer.url}


def _join(act: Act) -> object:
    chat, link = act.door()
    act.people.join(act.user, chat, link=link)
    return {"key": chat_key(chat)}


def _request_join(act: Act) -> object:
    chat, link = act.door()
    act.people.request_join(act.user, chat, link=link)
    return {"key": chat_key(chat)}


def _mute(act: Act) -> object:
    given = act.value("permissions")
    allowed = complete(given, independent=True) if isinstance(given, dict) else False
    until = act.optional_number("until") or 0
    act.people.restrict(act.chat, act.target, by=act.user, permissions=allowed, until=until)
    return True


def _promote(act: Act) -> object:
    given = act.value("rights")
    rights = frozenset(str(name) for name in given) if isinstance(given, list) else None
    unknown = (rights or frozenset()) - set(ALL_RIGHTS)
    if unknown:
        raise NotUnderstood(f"no such rights: {', '.join(sorted(unknown))}")
    act.people.appoint(act.chat, act.target, rights, by=act.user, anonymous=act.value("anonymous") is True)
    return True


def _set_permissions(act: Act) -> object:
    given = act.value("permissions")
    if not isinstance(given, dict):
        raise NotUnderstood("permissions must be an object")
    act.people.set_permissions(act.chat, by=act.user, **{str(name): value is True for name, value in given.items()})
    return True


def _configure(act: Act) -> object:
    def wanted(name: str) -> bool | None:
        return act.value(name) is True if act.has(name) else None

    act.people.configure(
        act.chat,
        by=act.user,
        join_by_request=wanted("join_by_request"),
        join_to_send_messages=wanted("join_to_send_messages"),
        hidden_members=wanted("hidden_members"),
    )
    return True


def _add_chat(act: Act) -> object:
    title, username = act.text("title"), act.optional_text("username")
    if act.text("action") == "add_channel":
        return {"key": chat_key(act.people.add_channel(title, owner=act.user, username=username))}
    forum = act.value("forum") is True
    return {"key": chat_key(act.people.add_group(title, owner=act.user, username=username, forum=forum))}


def _add_user(act: Act) -> object:
    language = act.optional_text("language_code") or "en"
    return user_json(act.people.add_user(act.text("name"), act.optional_text("username"), language))


def _add_bot(act: Act) -> object:
    username = act.text("username").removeprefix("@")
    if not _BOT_NAME.fullmatch(username):
        raise NotUnderstood("a bot's username has 5 to 32 letters, digits and underscores, and ends with bot")
    bot = act.people.add_bot(username, act.text("name"))
    return {"id": bot.id, "username": username, "token": bot.token}


def _switch_topic(act: Act) -> object:
    chat, topic = act.chat, act.number("topic")
    if topic not in chat.topics:
        raise NotFound(f"there is no topic {topic}")
    act.people.close_topic(chat, chat.topics[topic], closed=act.text("action") == "close_topic", by=act.user)
    return True


def _done(run: Callable[[Act], object]) -> Callable[[Act], object]:
    """Answer true to an action whose result nobody needs."""

    def act_and_say_done(act: Act) -> object:
        run(act)
        return True

    return act_and_say_done


ACTIONS: MappingProxyType[str, Callable[[Act], object]] = MappingProxyType(
    {
        "say": _say,
        "start": _start,
        "comment": _comment,
        "edit": _done(lambda a: a.people.edit(a.user, a.chat, a.number("message"), a.text("text"))),
        "delete": _done(lambda a: a.people.delete(a.user, a.chat, a.number("message"))),
        "press": _press,
        "answer": _answer,
        "join": _join,
        "leave": _done(lambda a: a.people.leave(a.user, a.chat)),
        "request_join": _request_join,
        "block": _done(lambda a: a.people.block(a.user, a.bot)),
        "unblock": _done(lambda a: a.people.unblock(a.user, a.bot)),
        "add": _done(lambda a: a.people.add_member(a.chat, a.target, by=a.user)),
        "remove": _done(lambda a: a.people.remove(a.chat, a.target, by=a.user)),
        "ban": _done(lambda a: a.people.ban(a.chat, a.target, by=a.user, until=a.optional_number("until") or 0)),
        "unban": _done(lambda a: a.people.unban(a.chat, a.target, by=a.user)),
        "mute": _mute,
        "unmute": _done(lambda a: a.people.restrict(a.chat, a.target, by=a.user, permissions=True)),
        "promote": _promote,
        "demote": _done(lambda a: a.people.demote(a.chat, a.target, by=a.user)),
        "approve": _done(lambda a: a.people.approve(a.chat, a.target, by=a.user)),
        "decline": _done(lambda a: a.people.decline(a.chat, a.target, by=a.user)),
        "migrate": lambda a: {"key": chat_key(a.people.migrate(a.chat))},
        "set_permissions": _set_permissions,
        "link_discussion": _done(lambda a: a.people.link(a.chat, a.chat_named("group") if a.has("group") else None)),
        "configure": _configure,
        "share_chat": _done(
            lambda a: a.people.share_chat(a.user, a.bot, a.number("request_id"), a.chat_named("shared"))
        ),
        "add_user": _add_user,
        "add_bot": _add_bot,
        "add_channel": _add_chat,
        "add_group": _add_chat,
        "add_topic": lambda a: a.people.add_topic(a.chat, a.text("name"), by=a.user).id,
        "close_topic": _switch_topic,
        "open_topic": _switch_topic,
    }
)
