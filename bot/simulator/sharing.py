"""Reply keyboards that ask for a chat: the person picks one and the bot is told which."""

from collections.abc import Iterator

from .errors import NotAllowed
from .members import Members
from .messages import Messages
from .model import Bot, Chat, JsonObject, Message, User
from .permissions import ALL_RIGHTS
from .world import World


class Sharing:
    """Answers `request_chat` buttons."""

    def __init__(self, *, world: World, messages: Messages, members: Members) -> None:
        self._world = world
        self._messages = messages
        self._members = members

    def share_chat(self, user: User, bot: Bot, request_id: int, chat: Chat) -> Message:
        """Pick a chat for a button; the bot gets the rights it asked for, if the user may give them."""
        private = self._world.private_chat(bot, user)
        request = next((each for each in _requests(private) if each.get("request_id") == request_id), None)
        if request is None:
            raise NotAllowed(f"{bot.name} asks for no chat with request {request_id}")
        if bool(request.get("chat_is_channel")) != (chat.type == "channel"):
            raise NotAllowed(f"{chat.title} is not of the kind that is asked for")
        if not self._world.member(chat, user).is_admin and "user_administrator_rights" in request:
            raise NotAllowed(f"{user.name} is no administrator of {chat.title}")
        self._give_rights(user, bot, chat, request)
        shared: JsonObject = {"request_id": request_id, "chat_id": chat.id}
        if request.get("request_title") is True:
            shared["title"] = chat.title
        if request.get("request_username") is True and chat.username is not None:
            shared["username"] = chat.username
        return self._messages.service(private, user, {"chat_shared": shared})

    def _give_rights(self, user: User, bot: Bot, chat: Chat, request: JsonObject) -> None:
        wanted = request.get("bot_administrator_rights")
        if not isinstance(wanted, dict) or self._world.member(chat, bot).is_admin:
            return
        if not self._world.member(chat, user).has("can_promote_members"):
            raise NotAllowed(f"{user.name} may not make {bot.name} an administrator of {chat.title}")
        rights = frozenset(name for name in ALL_RIGHTS if wanted.get(name) is True) | {"can_manage_chat"}
        self._members.promote(chat, bot, by=user, rights=rights)


def _requests(chat: Chat) -> Iterator[JsonObject]:
    """Yield the chat requests of all reply keyboards here, newest first."""
    for message in reversed(chat.messages.values()):
        for row in message.keyboard or []:
            for button in row:
                request = button.get("request_chat")
                if isinstance(request, dict):
                    yield request
