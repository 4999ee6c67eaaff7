"""Which bot hears of what: from a change in the world to updates in the bots' logs."""

from collections.abc import Callable

from . import shapes, updates
from .model import Bot, CallbackQuery, Chat, InviteLink, JoinRequest, JsonObject, Member, Message, User
from .record import Record
from .updates import DAY, PRESS_SECONDS, UpdateLog
from .world import World


class Feed:
    """Creates updates; one log for each bot."""

    def __init__(self, *, world: World, record: Record) -> None:
        self._world = world
        self._record = record
        self.logs: dict[int, UpdateLog] = {}
        self._wake: dict[int, Callable[[], None]] = {}

    def open(self, bot: Bot, wake: Callable[[], None]) -> UpdateLog:
        """Start a log for a bot; `wake` is called at each new update."""
        log = UpdateLog.new(bot.id, self._world.dice)
        self.logs[bot.id] = log
        self._wake[bot.id] = wake
        return log

    def message(self, message: Message, *, edited: bool = False) -> None:
        """Tell the bots that may read it; their own messages and other bots' they never hear of."""
        chat = message.chat
        kind = "channel_post" if chat.type == "channel" else "message"
        kind = f"edited_{kind}" if edited else kind
        readers = [bot for bot in self._world.bots_in(chat) if self._reads(bot, message)]
        if not readers:
            return
        body = shapes.message_json(message)
        date = message.edited_at if edited and message.edited_at is not None else message.date
        for bot in readers:
            self._met(bot, message.sender, chat)
            self._emit(bot, kind, body, queue=chat.id, expires=date + DAY)

    def departure(self, bot: Bot, message: Message) -> None:
        """Tell a removed bot about its own departure, the last it hears from the chat."""
        self._emit(bot, "message", shapes.message_json(message), queue=message.chat.id, expires=message.date + DAY)

    def member_changed(
        self,
        chat: Chat,
        change: tuple[Member, Member],
        *,
        actor: User,
        link: InviteLink | None = None,
        via_request: bool = False,
    ) -> None:
        """Tell the bot it is about, and the bots that are administrators here."""
        old, new = change
        for bot in self._world.bots.values():
            about_itself = new.user is bot
            if not about_itself and not self._world.member(chat, bot).is_admin:
                continue
            self._met(bot, new.user, chat)
            self._met(bot, actor, chat)
            body: JsonObject = {
                "chat": shapes.chat_json(chat),
                "from": shapes.user_json(actor),
                "date": int(self._world.now),
                "old_chat_member": shapes.member_json(chat, old, bot),
                "new_chat_member": shapes.member_json(chat, new, bot),
            }
            if link is not None:
                body["invite_link"] = shapes.link_json(link, bot)
            if via_request:
                body["via_join_request"] = True
            kind = "my_chat_member" if about_itself else "chat_member"
            queue = updates.own_member_queue(chat.id) if about_itself else updates.member_queue(new.user.id)
            self._emit(bot, kind, body, queue=queue, expires=self._world.now + DAY)

    def join_request(self, chat: Chat, request: JoinRequest) -> None:
        """Tell the bots that may invite."""
        for bot in self._world.bots_in(chat):
            if self._world.member(chat, bot).has("can_invite_users"):
                self._met(bot, request.user, chat)
                self._emit(
                    bot,
                    "chat_join_request",
                    shapes.request_json(chat, request, bot),
                    queue=updates.member_queue(request.user.id),
                    expires=request.at + DAY,
                )

    def press(self, query: CallbackQuery) -> None:
        """Tell the bot whose button was pressed."""
        self._met(query.bot, query.user, query.message.chat)
        self._emit(
            query.bot,
            "callback_query",
            shapes.query_json(query),
            queue=updates.press_queue(query.user.id),
            expires=query.at + PRESS_SECONDS,
        )

    def _emit(self, bot: Bot, kind: str, body: JsonObject, *, queue: int, expires: float) -> None:
        if self.logs[bot.id].add(kind, body, queue=queue, expires=expires, now=self._world.now) is not None:
            self._wake[bot.id]()
            self._record.changed()

    @staticmethod
    def _met(bot: Bot, user: User | None, chat: Chat) -> None:
        bot.seen_chats.add(chat.id)
        if user is not None:
            bot.seen_users.add(user.id)

    def _reads(self, bot: Bot, message: Message) -> bool:
        if message.author is bot:
            return False
        is_from_bot = message.author is not None and message.author.is_bot
        if message.service is not None or message.chat.type in {"private", "channel"}:
            return not (is_from_bot and message.service is None)
        if is_from_bot:
            return False
        return (
            bot.reads_all_messages or self._world.member(message.chat, bot).is_admin or self._is_addressed(bot, message)
        )

    @staticmethod
    def _is_addressed(bot: Bot, message: Message) -> bool:
        """Say whether a bot in privacy mode gets this message."""
        text = (message.text or "").lower()
        replied = None if message.reply_to is None else message.chat.messages.get(message.reply_to)
        mentions = f"@{bot.username}".lower() in text
        return (
            (text.startswith("/") and ("@" not in text.split()[0] or mentions))
            or mentions
            or (replied is not None and replied.author is bot)
        )
