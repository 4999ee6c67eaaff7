"""What is said where: people's messages, posts, service messages, edits and deletions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .entities import find_entities
from .errors import NotAllowed, NotFound
from .feed import Feed
from .model import Chat, JsonObject, Message, Topic, User
from .permissions import may
from .record import Record
from .shapes import anonymous_admin, channel_sender, chat_json
from .world import World

GENERAL_ICON_COLOR = 7322096


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a person is about to send, beside the text."""

    topic: int | None = None
    media_group_id: str | None = None
    photo: bool = False
    reply_to: int | None = None
    as_channel: Chat | None = None
    entities: Sequence[JsonObject] | None = None
    service: JsonObject | None = field(default=None)
    origin: JsonObject | None = None
    """Where a forwarded message is from."""


class Messages:
    """Writes, edits and deletes messages, and lets the bots hear of them."""

    def __init__(self, *, world: World, feed: Feed, record: Record) -> None:
        self._world = world
        self._feed = feed
        self._record = record

    def say(self, user: User, chat: Chat, text: str, draft: Draft) -> Message:
        """Send as a person does; NotAllowed where the app would show no composer."""
        member = self._world.member(chat, user)
        if chat.bot is not None:
            return self.private(user, chat, text, draft)
        if not member.is_member:
            raise NotAllowed(f"{user.name} is not a member of {chat.title}")
        self._check_speech(user, chat, draft)
        message = self._new(chat, user, text, draft)
        if member.is_anonymous and draft.as_channel is None:
            message.sender, message.sender_chat = anonymous_admin(), chat
            message.signature = member.custom_title
        if chat.type == "channel":
            message.sender, message.sender_chat, message.kind = None, chat, "post"
        return self._publish(message)

    def comment(self, user: User, group: Chat, text: str, draft: Draft) -> Message:
        """Comment below a channel's post in its discussion group, member or not."""
        if group.linked is None:
            raise NotAllowed(f"{group.title} is no discussion group")
        member = self._world.member(group, user)
        if group.join_to_send_messages and not member.is_member:
            raise NotAllowed(f"one must join {group.title} to comment")
        self._check_speech(user, group, draft)
        posts = [message for message in group.messages.values() if message.is_automatic_forward]
        if draft.reply_to is None and posts:
            draft.reply_to = posts[-1].id
        message = self._new(group, user, text, draft)
        message.thread_id = message.reply_to
        return self._publish(message)

    def private(self, user: User, chat: Chat, text: str, draft: Draft) -> Message:
        """Write to a bot in private, which also lets the bot write."""
        if chat.bot is None:
            raise NotAllowed("this is no private chat")
        chat.bot.blocked_by.discard(user.id)
        chat.bot.opened_by.add(user.id)
        return self._publish(self._new(chat, user, text, draft))

    def post(self, channel: Chat, text: str, by: User, draft: Draft) -> Message:
        """Post in a channel; a linked discussion group gets the automatic forward."""
        message = self.say(by, channel, text, draft)
        group = channel.linked
        if group is not None:
            origin = origin_of(message)
            forward = Draft(photo=draft.photo, media_group_id=draft.media_group_id, origin=origin)
            copy = self._new(group, None, text, forward)
            copy.sender, copy.sender_chat, copy.is_automatic_forward = self._world.telegram, channel, True
            self._publish(copy)
        return message

    def service(self, chat: Chat, actor: User | None, payload: JsonObject) -> Message:
        """Write a service message."""
        return self._publish(self._new(chat, actor, None, Draft(service=payload)))

    def send(self, message: Message) -> Message:
        """Store a message that a bot wrote; bots hear nothing of it."""
        if message.receiver is None:
            message.chat.last_message_id += 1
            message.id = message.chat.last_message_id
            message.chat.messages[message.id] = message
        else:
            message.chat.last_ephemeral_id += 1
            message.ephemeral_id = message.chat.last_ephemeral_id
            message.chat.ephemeral[message.receiver.id, message.ephemeral_id] = message
        self._record.changed()
        return message

    def edit(self, user: User, chat: Chat, message_id: int, text: str) -> Message:
        """Edit one's own message."""
        message = self.get(chat, message_id)
        if message.author is not user or message.service is not None:
            raise NotAllowed(f"{user.name} may not edit this message")
        message.text, message.entities = text, find_entities(text)
        message.edited_at = self._world.now
        self._feed.message(message, edited=True)
        self._record.changed()
        return message

    def delete(self, chat: Chat, message_id: int) -> None:
        """Delete a message; no bot hears of it."""
        self.get(chat, message_id)
        del chat.messages[message_id]
        self._record.changed()

    def get(self, chat: Chat, message_id: int) -> Message:
        """Return a live message or raise NotFound."""
        if message_id not in chat.messages:
            raise NotFound(f"there is no message {message_id} in {chat.title or chat.id}")
        return chat.messages[message_id]

    def add_topic(self, chat: Chat, name: str, by: User) -> Topic:
        """Open a forum topic."""
        if not chat.is_forum:
            raise NotAllowed(f"{chat.title} is no forum")
        payload: JsonObject = {"forum_topic_created": {"name": name, "icon_color": GENERAL_ICON_COLOR}}
        message = self._new(chat, by, None, Draft(service=payload))
        message.thread_id, message.is_topic_message = message.id, True
        topic = Topic(message.id, name, by)
        chat.topics[topic.id] = topic
        self._publish(message)
        return topic

    def close_topic(self, chat: Chat, topic: int, *, is_closed: bool, by: User) -> None:
        """Close a topic for ordinary members, or open it again."""
        if topic not in chat.topics:
            raise NotFound(f"there is no topic {topic} in {chat.title}")
        chat.topics[topic].is_closed = is_closed
        name = "forum_topic_closed" if is_closed else "forum_topic_reopened"
        self._publish(self._new(chat, by, None, Draft(topic=topic, service={name: {}})))

    def _check_speech(self, user: User, chat: Chat, draft: Draft) -> None:
        member = self._world.member(chat, user)
        if draft.as_channel is not None:
            self._check_channel(user, chat, draft.as_channel)
        if not may(chat, member, "can_send_photos" if draft.photo else "can_send_messages"):
            raise NotAllowed(f"{user.name} may not write in {chat.title}")
        topic = None if draft.topic is None else chat.topics.get(draft.topic)
        if draft.topic is not None and topic is None:
            raise NotFound(f"there is no topic {draft.topic} in {chat.title}")
        closed = topic is not None and topic.is_closed and topic.creator is not user
        if closed and not member.has("can_manage_topics"):
            raise NotAllowed("the topic is closed")

    def _check_channel(self, user: User, chat: Chat, channel: Chat) -> None:
        if channel.owner is not user:
            raise NotAllowed(f"{user.name} does not own {channel.title}")
        if channel.id in chat.banned_senders:
            raise NotAllowed(f"{channel.title} is banned in {chat.title}")

    def _new(self, chat: Chat, author: User | None, text: str | None, draft: Draft) -> Message:
        chat.last_message_id += 1
        found = find_entities(text) if text else []
        message = Message(chat.last_message_id, chat, self._world.now, author, author=author, text=text)
        message.entities = found if draft.entities is None else list(draft.entities)
        message.thread_id, message.is_topic_message = draft.topic, draft.topic is not None
        message.media_group_id, message.photo = draft.media_group_id, draft.photo
        message.reply_to, message.service = draft.reply_to, draft.service
        message.forward_origin = draft.origin
        if draft.as_channel is not None:
            message.sender, message.sender_chat = channel_sender(), draft.as_channel
        return message

    def _publish(self, message: Message) -> Message:
        message.chat.messages[message.id] = message
        self._feed.message(message)
        self._record.changed()
        return message


def origin_of(post: Message) -> JsonObject:
    """Return what a forward of a channel's post tells of it."""
    return {"type": "channel", "date": int(post.date), "chat": chat_json(post.chat), "message_id": post.id}
