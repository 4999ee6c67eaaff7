"""What one user's app shows: the JSON of `GET /control/state`, as control.py describes it."""

from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from .backend import Backend
from .callbacks import buttons_of
from .faults import Fault
from .menus import menu
from .model import Bot, Chat, JsonObject, Member, Message, User
from .permissions import may, rights_for
from .updates import UpdateLog

MOST_MESSAGES = 200
LINK_HOSTS = frozenset({"t.me", "telegram.me"})


class StateView:
    """The world through one user's eyes; without a viewer everything."""

    def __init__(self, *, backend: Backend, viewer: User | None) -> None:
        self._backend = backend
        self._world = backend.world
        self._viewer = viewer

    def json(self) -> JsonObject:
        """Return the whole state."""
        people = [user for user in self._world.users.values() if not user.is_bot]
        return {
            "sequence": self._backend.record.sequence,
            "now": self._world.now,
            "clock_moves": True,
            "viewer": None if self._viewer is None else self._viewer.id,
            "users": [user_json(user) for user in people],
            "bots": [self._bot(bot) for bot in self._world.bots.values()],
            "chats": [self.chat(chat) for chat in self._chats()],
            "faults": [fault_json(fault) for fault in self._backend.faults.active],
            "calls": self._backend.record.last_call,
        }

    def _chats(self) -> list[Chat]:
        private = [
            chat
            for chat in self._world.private.values()
            if chat.messages and (self._viewer is None or chat.peer is self._viewer)
        ]
        return [*(chat for chat in self._world.chats.values() if chat.migrated_to is None), *private]

    def _bot(self, bot: Bot) -> JsonObject:
        log = self._backend.feed.logs[bot.id]
        private = None if self._viewer is None else self._world.private.get((bot.id, self._viewer.id))
        return {
            "id": bot.id,
            "name": bot.name,
            "username": bot.username,
            "token": bot.token,
            "delivery": self._delivery(bot, log),
            "webhook_url": log.webhook.url,
            "pending_updates": len(log.pending),
            "last_error": log.webhook.last_error,
            "private_chat_id": private.id if private is not None and private.messages else None,
        }

    def _delivery(self, bot: Bot, log: UpdateLog) -> str:
        if log.webhook.url:
            return "webhook"
        return "polling" if self._backend.pollers[bot.id].has_polled else "none"

    def chat(self, chat: Chat) -> JsonObject:
        """Return one CHAT."""
        me = None if self._viewer is None else self._world.member(chat, self._viewer)
        reads = me is None or self._can_read(chat, me)
        return {
            "key": chat_key(chat),
            "id": chat.id,
            "type": chat.type,
            "title": chat.bot.name if chat.bot is not None else chat.title,
            "username": chat.bot.username if chat.bot is not None else chat.username,
            "is_forum": chat.is_forum,
            "linked": None if chat.linked is None else chat.linked.id,
            "link": self._link(chat),
            "description": chat.description,
            "join_by_request": chat.join_by_request,
            "members_count": sum(member.is_member for member in self._members(chat)),
            "topics": [
                {"id": topic.id, "name": topic.name, "is_closed": topic.is_closed} for topic in chat.topics.values()
            ],
            "me": self._me(chat, me, can_read=reads),
            "commands": [] if me is None else menu(self._world, chat, me),
            "members": [member_json(chat, each) for each in self._members(chat)]
            if self._sees_members(chat, me)
            else [],
            "join_requests": self._requests(chat, me),
            "messages": [self.message(message, me) for message in self._messages(chat)] if reads else [],
        }

    def _link(self, chat: Chat) -> str:
        username = chat.bot.username if chat.bot is not None else chat.username
        if username is not None or chat.owner is None:
            return f"https://t.me/{username}"
        return self._world.primary_link(chat, chat.owner).url

    def _members(self, chat: Chat) -> list[Member]:
        standings = [self._world.member(chat, member.user) for member in chat.members.values()]
        return [member for member in standings if member.status != "left"]

    @staticmethod
    def _can_read(chat: Chat, me: Member) -> bool:
        if me.status == "kicked":
            return False
        return me.is_member or chat.username is not None

    def _sees_members(self, chat: Chat, me: Member | None) -> bool:
        if me is None or me.is_admin:
            return True
        return chat.type != "channel" and self._can_read(chat, me) and not chat.has_hidden_members

    def _requests(self, chat: Chat, me: Member | None) -> list[JsonObject]:
        if me is not None and not me.has("can_invite_users"):
            return []
        return [
            {"id": request.user.id, "name": request.user.name, "at": request.at} for request in chat.requests.values()
        ]

    def _me(self, chat: Chat, me: Member | None, *, can_read: bool) -> JsonObject:
        standing = me or Member(self._world.telegram, "left", is_in=False)
        silence = None if me is None else self._silence(chat, me)
        is_known = me is not None and me.user.id in chat.requests
        return {
            "status": standing.status,
            "is_in": standing.is_member,
            "can_speak": me is not None and silence is None,
            "can_read": can_read,
            "can_join": me is not None and not standing.is_member and standing.status != "kicked",
            "has_requested": is_known,
            "is_muted": is_muted(standing),
            "until_date": standing.until_date,
            "muted_by": self._who(standing.restricted_by),
            "rights": held_rights(chat, standing),
            "is_anonymous": standing.is_anonymous,
            "silence": silence,
        }

    @staticmethod
    def _silence(chat: Chat, me: Member) -> str | None:
        """Say why the composer is closed; None means it is open."""
        if me.status == "kicked":
            return "banned"
        if not me.is_member:
            return "not_a_member"
        if may(chat, me, "can_send_messages"):
            return None
        if chat.type == "channel":
            return "channel"
        return "muted" if is_muted(me) else "closed"

    def _who(self, user_id: int | None) -> JsonObject | None:
        user = None if user_id is None else self._world.users.get(user_id)
        return None if user is None else {"id": user.id, "name": user.name, "is_bot": user.is_bot}

    def _messages(self, chat: Chat) -> list[Message]:
        ephemeral = [m for m in chat.ephemeral.values() if self._viewer is None or m.receiver is self._viewer]
        return sorted([*chat.messages.values(), *ephemeral], key=lambda message: message.date)[-MOST_MESSAGES:]

    def message(self, message: Message, me: Member | None) -> JsonObject:
        """Return one MESSAGE."""
        kind, words = service_words(message)
        mine = self._viewer is not None and message.author is self._viewer
        deletes = me is not None and (mine or me.has("can_delete_messages")) and message.receiver is None
        return {
            "id": message.id,
            "ephemeral_id": message.ephemeral_id,
            "at": message.date,
            "edited_at": message.edited_at,
            "topic": message.thread_id if message.is_topic_message else None,
            "mine": mine,
            "from": sender_json(message),
            "signature": message.signature,
            "receiver": None
            if message.receiver is None
            else {"id": message.receiver.id, "name": message.receiver.name},
            "text": message.text or "",
            "entities": message.entities,
            "service": kind,
            "service_text": words,
            "photo": message.photo,
            "picture": picture_path(message),
            "media_group_id": message.media_group_id,
            "reply_to": message.reply_to,
            "is_automatic_forward": message.is_automatic_forward,
            "buttons": self._buttons(message),
            "keyboard": None if message.keyboard is None else [[_key(key) for key in row] for row in message.keyboard],
            "can_edit": mine and message.service is None,
            "can_delete": deletes,
        }

    def _buttons(self, message: Message) -> list[list[JsonObject]]:
        rows = (message.buttons or {}).get("inline_keyboard", [])
        if not isinstance(rows, list) or not any(True for _ in buttons_of(message)):
            return []
        return [[self._button(button) for button in row] for row in rows]

    def _button(self, button: JsonObject) -> JsonObject:
        result: JsonObject = {"text": button["text"], "style": button.get("style")}
        if "url" in button:
            return result | {"url": button["url"], "chat": self._linked_key(str(button["url"]))}
        return result | ({"data": button["callback_data"]} if "callback_data" in button else {})

    def _linked_key(self, url: str) -> str | None:
        """Return the key of the simulated chat or bot a link leads to."""
        found = self._world.link(url)
        if found is not None:
            return chat_key(found[0])
        parts = urlsplit(url)
        name = parts.path.strip("/").partition("/")[0]
        if parts.scheme == "tg":
            name = parse_qs(parts.query).get("domain", [""])[0]
        elif parts.hostname not in LINK_HOSTS:
            return None
        chat = self._world.public_chat(name)
        if chat is not None:
            return chat_key(chat)
        bots = (bot for bot in self._world.bots.values() if (bot.username or "").lower() == name.lower())
        return next((str(bot.id) for bot in bots), None)


def _key(button: JsonObject) -> JsonObject:
    """Return one key of a reply keyboard: it writes its text, or asks for a chat."""
    request = button.get("request_chat")
    if not isinstance(request, dict):
        return {"text": button["text"], "request_id": None, "wants_channel": None}
    wants_channel = request.get("chat_is_channel") is True
    return {"text": button["text"], "request_id": request.get("request_id"), "wants_channel": wants_channel}


def picture_path(message: Message) -> str | None:
    """Return where the page finds what was uploaded; a new picture has a new address."""
    if message.picture is None:
        return None
    bot = "" if message.chat.bot is None else f"{message.chat.bot.id}."
    return f"/pictures/{bot}{message.chat.id}/{message.id}?{crc32(message.picture):x}"


def chat_key(chat: Chat) -> str:
    """Return how the control API addresses a chat."""
    return str(chat.bot.id if chat.bot is not None else chat.id)


def user_json(user: User) -> JsonObject:
    """Return one person."""
    return {
        "id": user.id,
        "name": user.name,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "username": user.username,
        "is_bot": user.is_bot,
        "language_code": user.language_code,
    }


def held_rights(chat: Chat, member: Member) -> list[str]:
    """Return an administrator's rights; the owner has all there are."""
    return sorted(rights_for(chat) if member.status == "creator" else member.rights)


def is_muted(member: Member) -> bool:
    """Say whether a restriction keeps a member from writing."""
    return member.status == "restricted" and not member.permissions.get("can_send_messages", False)


def member_json(chat: Chat, member: Member) -> JsonObject:
    """Return one line of a member list."""
    return {
        "id": member.user.id,
        "name": member.user.name,
        "username": member.user.username,
        "is_bot": member.user.is_bot,
        "status": member.status,
        "is_in": member.is_member,
        "is_muted": is_muted(member),
        "until_date": member.until_date,
        "rights": held_rights(chat, member),
        "is_anonymous": member.is_anonymous,
        "custom_title": member.custom_title,
    }


def sender_json(message: Message) -> JsonObject:
    """Return whose name stands above a message."""
    if message.sender_chat is not None:
        return {"id": message.sender_chat.id, "name": message.sender_chat.title, "is_bot": False, "as_chat": True}
    sender = message.sender
    if sender is None:
        return {"id": message.chat.id, "name": message.chat.title, "is_bot": False, "as_chat": True}
    return {"id": sender.id, "name": sender.name, "is_bot": sender.is_bot, "as_chat": False}


def service_words(message: Message) -> tuple[str | None, str | None]:
    """Return the kind and the sentence of a service message."""
    payload = message.service
    if payload is None:
        return None, None
    actor = "" if message.sender is None else message.sender.name
    joined, left = payload.get("new_chat_members"), payload.get("left_chat_member")
    if isinstance(joined, list):
        names = ", ".join(str(each["first_name"]) for each in joined)
        by_itself = message.sender is not None and any(each["id"] == message.sender.id for each in joined)
        return "joined", f"{names} joined the group" if by_itself else f"{actor} added {names}"
    if isinstance(left, dict):
        name = str(left["first_name"])
        by_itself = message.sender is not None and left["id"] == message.sender.id
        return "left", f"{name} left the group" if by_itself else f"{actor} removed {name}"
    return "other", next(iter(payload)).replace("_", " ")


def fault_json(fault: Fault) -> JsonObject:
    """Return one FAULT."""
    return {
        "id": fault.id,
        "kind": fault.kind,
        "method": fault.method,
        "chat": fault.chat,
        "user": fault.user,
        "bot": fault.bot,
        "times": fault.times,
        "retry_after": fault.retry_after,
        "code": fault.code,
        "description": fault.description,
        "seconds": fault.seconds,
        "result": fault.result,
    }
