"""The world: who and what exists, and how to find it. The rules are in members, messages and invites."""

import copy
import random
import string
from dataclasses import dataclass

from .clock import Clock
from .errors import NotAllowed, NotFound
from .model import Bot, CallbackQuery, Chat, InviteLink, Member, User
from .permissions import default_permissions, effective
from .shapes import service_account

TOKEN_PREFIX = "SIM"  # noqa: S105 - marks tokens that are none; real deployments refuse it
SUPERGROUP_BASE = -1_000_000_000_000
LINK_HASH_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of everything that exists."""

    users: dict[int, User]
    bots: dict[int, Bot]
    chats: dict[int, Chat]
    private: dict[tuple[int, int], Chat]
    queries: dict[str, CallbackQuery]


class World:
    """All users, bots and chats of one simulator."""

    def __init__(self, *, clock: Clock, dice: random.Random) -> None:
        self.clock = clock
        self.dice = dice
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.chats: dict[int, Chat] = {}
        self.private: dict[tuple[int, int], Chat] = {}
        self.queries: dict[str, CallbackQuery] = {}
        self.telegram = service_account()
        self._names: dict[str, User | Chat] = {}
        self._next_user = dice.randint(100_000_000, 900_000_000)
        self._next_bot = dice.randint(5_000_000_000, 6_900_000_000)
        self._next_query = dice.randint(1 << 60, 1 << 62)

    @property
    def now(self) -> float:
        """The clock's time."""
        return self.clock.now()

    def add_user(
        self, first_name: str, *, username: str | None, language_code: str | None, last_name: str | None = None
    ) -> User:
        """Create a person."""
        self._next_user += self.dice.randint(1, 999)
        user = User(self._next_user, first_name, last_name, username, language_code)
        self._take_username(user, username)
        self.users[user.id] = user
        return user

    def add_bot(self, first_name: str, *, username: str, token: str | None) -> Bot:
        """Create a bot; a given token decides its id."""
        if token is None:
            self._next_bot += self.dice.randint(1, 9999)
            token = f"{self._next_bot}:{TOKEN_PREFIX}{self.letters(32)}"
        bot = Bot(int(token.partition(":")[0]), first_name, username=username, is_bot=True, token=token)
        self._take_username(bot, username)
        self.users[bot.id] = bot
        self.bots[bot.id] = bot
        return bot

    def add_chat(self, kind: str, title: str, *, owner: User, username: str | None) -> Chat:
        """Create a channel, supergroup or basic group with its owner in it."""
        chat = Chat(self._new_chat_id(kind), kind, title, username, owner, permissions=default_permissions())
        chat.members[owner.id] = Member(owner, "creator")
        self._take_username(chat, username)
        self.chats[chat.id] = chat
        self.new_link(chat, owner, is_primary=True)
        if isinstance(owner, Bot):
            owner.seen_chats.add(chat.id)
        return chat

    def private_chat(self, bot: Bot, user: User) -> Chat:
        """Return the private chat of this bot and this user; it exists from the first word."""
        chat = self.private.get((bot.id, user.id))
        if chat is None:
            chat = Chat(user.id, "private", bot=bot, peer=user)
            for who in (bot, user):
                chat.members[who.id] = Member(who, "member")
            self.private[bot.id, user.id] = chat
        return chat

    def user(self, user_id: int) -> User:
        """Return a user or bot, or raise NotFound."""
        if user_id not in self.users:
            raise NotFound(f"there is no user {user_id}")
        return self.users[user_id]

    def bot_by_token(self, token: str) -> Bot | None:
        """Return the bot with this token."""
        head = token.partition(":")[0]
        bot = self.bots.get(int(head)) if head.isascii() and head.isdigit() else None
        return bot if bot is not None and bot.token == token else None

    def public_chat(self, username: str) -> Chat | None:
        """Return the public chat with this username, in any case and with or without @."""
        found = self._names.get(username.removeprefix("@").lower())
        return found if isinstance(found, Chat) else None

    def set_username(self, owner: User | Chat, username: str | None) -> None:
        """Give a user or a chat another username, or none."""
        self._take_username(owner, username)
        owner.username = username

    def link(self, url: str) -> tuple[Chat, InviteLink] | None:
        """Return the chat an invite link leads to."""
        for chat in self.chats.values():
            if url in chat.links:
                return chat, chat.links[url]
        return None

    def member(self, chat: Chat, user: User) -> Member:
        """Return the user's standing as of now."""
        member = chat.members.get(user.id)
        return Member(user, "left", is_in=False) if member is None else effective(member, self.now)

    def bots_in(self, chat: Chat) -> list[Bot]:
        """Return the bots that are in this chat."""
        if chat.bot is not None:
            return [chat.bot]
        # A group has thousands of members and a world few bots.
        return [bot for bot in self.bots.values() if self.member(chat, bot).is_member]

    def primary_link(self, chat: Chat, creator: User) -> InviteLink:
        """Return an administrator's primary link, made when there is none yet."""
        for link in chat.links.values():
            if link.is_primary and link.creator is creator and not link.is_revoked:
                return link
        return self.new_link(chat, creator, is_primary=True)

    def new_link(self, chat: Chat, creator: User, *, is_primary: bool = False) -> InviteLink:
        """Create an invite link."""
        link = InviteLink(f"https://t.me/+{self.letters(LINK_HASH_LENGTH)}", creator, is_primary=is_primary)
        chat.links[link.url] = link
        return link

    def new_query_id(self) -> str:
        """Return an id for a callback query or a join request query."""
        self._next_query += self.dice.randint(1, 1 << 20)
        return str(self._next_query)

    def letters(self, count: int) -> str:
        """Return random letters and digits."""
        return "".join(self.dice.choices(string.ascii_letters + string.digits, k=count))

    def new_supergroup_id(self) -> int:
        """Return an unused id of the kind supergroups and channels have."""
        while (chat_id := SUPERGROUP_BASE - self.dice.randint(1_000_000_000, 3_900_000_000)) in self.chats:
            pass
        return chat_id

    def snapshot(self) -> Snapshot:
        """Return a copy of all users, chats and what is in them."""
        return copy.deepcopy(Snapshot(self.users, self.bots, self.chats, self.private, self.queries))

    def restore(self, snapshot: Snapshot) -> None:
        """Become a copy of the snapshot; objects handed out before belong to no world any more."""
        fresh = copy.deepcopy(snapshot)
        # Whoever hosts a bot that was made since goes on hosting it: it stays, a stranger to every chat.
        for bot_id in self.bots.keys() - fresh.bots.keys():
            made = self.bots[bot_id]
            stranger = Bot(bot_id, made.first_name, username=made.username, is_bot=True, token=made.token)
            fresh.users[bot_id] = fresh.bots[bot_id] = stranger
        self.users, self.bots, self.chats = fresh.users, fresh.bots, fresh.chats
        self.private, self.queries = fresh.private, fresh.queries
        self._names = {each.username.lower(): each for each in self._named() if each.username}

    def _named(self) -> list[User | Chat]:
        return [*self.users.values(), *self.chats.values()]

    def _new_chat_id(self, kind: str) -> int:
        if kind != "group":
            return self.new_supergroup_id()
        while (chat_id := -self.dice.randint(100_000_000, 999_999_999)) in self.chats:
            pass
        return chat_id

    def _take_username(self, owner: User | Chat, username: str | None) -> None:
        """Give a name to a user or a chat; a name belongs to one at a time, in any case."""
        if username is not None and self._names.get(username.lower(), owner) is not owner:
            raise NotAllowed(f"the username {username} is taken")
        if owner.username is not None and self._names.get(owner.username.lower()) is owner:
            del self._names[owner.username.lower()]
        if username is not None:
            self._names[username.lower()] = owner
