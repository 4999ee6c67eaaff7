"""A basic group becomes a supergroup: another chat with another id."""

from dataclasses import replace

from .errors import NotAllowed
from .messages import Messages
from .model import Chat
from .record import Record
from .shapes import anonymous_admin
from .world import World


class Migration:
    """Moves members over and leaves both service messages."""

    def __init__(self, *, world: World, messages: Messages, record: Record) -> None:
        self._world = world
        self._messages = messages
        self._record = record

    def migrate(self, group: Chat) -> Chat:
        """Return the new supergroup; the old chat answers with its id from now on."""
        if group.type != "group" or group.migrated_to is not None or group.owner is None:
            raise NotAllowed(f"{group.title} is no basic group")
        new = Chat(self._world.new_supergroup_id(), "supergroup", group.title, owner=group.owner)
        new.permissions = dict(group.permissions)
        new.members = {user_id: replace(member) for user_id, member in group.members.items()}
        self._world.chats[new.id] = new
        for bot in self._world.bots_in(new):
            bot.seen_chats.add(new.id)
        self._messages.service(group, group.owner, {"migrate_to_chat_id": new.id})
        group.migrated_to = new
        message = self._messages.service(new, anonymous_admin(), {"migrate_from_chat_id": group.id})
        message.sender_chat = new
        self._record.changed()
        return new
