"""One Bot API call as its method sees it: the bot, the arguments, and the checks that many methods share."""

from dataclasses import dataclass
from enum import Enum

from bot.simulator.args import Args
from bot.simulator.backend import Backend
from bot.simulator.errors import ApiError
from bot.simulator.model import Bot, Chat, Member, User


class Access(Enum):
    """How much of a chat a method needs to reach."""

    READ = "read"
    MEMBERS = "members"
    EDIT = "edit"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Described:
    """A result that comes with a description beside it."""

    result: object
    description: str


@dataclass(slots=True, eq=False)
class MethodCall:
    """What a method works on."""

    bot: Bot
    args: Args
    backend: Backend

    @property
    def now(self) -> float:
        """The simulator's time."""
        return self.backend.world.now

    def chat(self, access: Access, name: str = "chat_id") -> Chat:
        """Return the chat that is meant, or refuse as Telegram does."""
        chat = self.find_chat(name)
        if chat.bot is None:
            self._check_reach(chat, access)
        return chat

    def find_chat(self, name: str = "chat_id") -> Chat:
        """Return the chat by id or @username, if this bot has ever met it."""
        text = self.args.text(name)
        if not text:
            raise ApiError.bad_request("chat_id is empty")
        if text.startswith("@"):
            found = self.backend.world.public_chat(text)
            if found is None:
                raise ApiError.bad_request("chat not found")
            self.bot.seen_chats.add(found.id)
            return found
        chat_id = self.args.integer(name)
        if chat_id > 0:
            return self._private_chat(chat_id)
        chat = self.backend.world.chats.get(chat_id)
        if chat is None or chat_id not in self.bot.seen_chats:
            raise ApiError.bad_request("chat not found")
        return chat

    def _private_chat(self, user_id: int) -> Chat:
        world = self.backend.world
        if user_id not in self.bot.seen_users or user_id not in world.users:
            raise ApiError.bad_request("chat not found")
        return world.private_chat(self.bot, world.users[user_id])

    def _check_reach(self, chat: Chat, access: Access) -> None:
        if chat.migrated_to is not None and access is not Access.READ:
            raise ApiError("Bad Request: group chat was upgraded to a supergroup chat", migrate_to=chat.migrated_to.id)
        me = self.member(chat, self.bot)
        if me.status == "kicked":
            raise ApiError.forbidden(f"bot was kicked from the {chat.kind_name}")
        open_to_all = chat.username is not None and access in (Access.READ, Access.MEMBERS)
        if not me.is_member and not open_to_all:
            raise ApiError.forbidden(f"bot is not a member of the {chat.kind_name}")

    def user_id(self, name: str = "user_id") -> int:
        """Return a user's id, whether or not there is such a user."""
        user_id = self.args.integer(name)
        if user_id <= 0:
            raise ApiError.bad_request(f"invalid {name} specified")
        return user_id

    def participant(self, chat: Chat, user_id: int) -> User:
        """Return a user whose standing the bot may ask for; those it never met are unknown to Telegram's session."""
        user = self.backend.world.users.get(user_id)
        if user is None or (user_id not in self.bot.seen_users and user_id not in chat.members):
            raise ApiError.bad_request("PARTICIPANT_ID_INVALID")
        self.bot.seen_users.add(user_id)
        return user

    def member(self, chat: Chat, user: User) -> Member:
        """Return a standing as of now."""
        return self.backend.world.member(chat, user)

    def me(self, chat: Chat) -> Member:
        """Return the bot's own standing."""
        return self.member(chat, self.bot)
