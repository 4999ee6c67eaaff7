"""What people do in the simulated world, as plain calls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .backend import Backend
from .errors import NotAllowed, NotFound
from .messages import Draft, origin_of
from .model import Bot, CallbackQuery, Chat, InviteLink, JoinRequest, JsonObject, Member, Message, Topic, User
from .permissions import ALL_RIGHTS, PERMISSIONS, all_permissions, may, usual_rights


class People:
    """The verbs. They raise NotAllowed where Telegram's apps would not offer the action."""

    def __init__(self, *, backend: Backend) -> None:
        self._backend = backend

    def add_user(
        self,
        first_name: str,
        username: str | None = None,
        language_code: str | None = "en",
        last_name: str | None = None,
    ) -> User:
        """Create a person."""
        return self._backend.world.add_user(
            first_name, username=username, language_code=language_code, last_name=last_name
        )

    def add_bot(self, username: str, first_name: str = "Bot", *, token: str | None = None) -> Bot:
        """Create a bot; its updates wait until it sets a webhook or polls."""
        bot = self._backend.world.add_bot(first_name, username=username, token=token)
        self._backend.connect(bot)
        self._backend.record.changed()
        return bot

    def add_channel(self, title: str, *, owner: User, username: str | None = None) -> Chat:
        """Create a channel, private without a username."""
        return self._backend.world.add_chat("channel", title, owner=owner, username=username)

    def add_group(
        self,
        title: str,
        *,
        owner: User,
        username: str | None = None,
        kind: str = "supergroup",
        forum: bool = False,
        hidden_members: bool = False,
    ) -> Chat:
        """Create a supergroup or a basic group."""
        chat = self._backend.world.add_chat(kind, title, owner=owner, username=username)
        chat.is_forum, chat.has_hidden_members = forum, hidden_members
        return chat

    def link(self, channel: Chat, group: Chat | None) -> None:
        """Make a group the channel's discussion group; None ends it."""
        if channel.linked is not None:
            channel.linked.linked = None
        channel.linked = group
        if group is not None:
            group.linked = channel
        self._backend.record.changed()

    def set_username(self, owner: Chat | User, username: str | None) -> None:
        """Make a channel or supergroup public under a name, or private; give a person a name, or none."""
        self._backend.world.set_username(owner, username)
        self._backend.record.changed()

    def private_chat(self, user: User, bot: Bot) -> Chat:
        """Return the private chat of a user and a bot."""
        return self._backend.world.private_chat(bot, user)

    def join(self, user: User, chat: Chat, *, link: InviteLink | None = None) -> None:
        """Join by oneself."""
        self._backend.members.join(user, chat, link)

    def leave(self, user: User, chat: Chat) -> None:
        """Leave by oneself."""
        self._backend.members.leave(user, chat)

    def add_member(self, chat: Chat, who: User, *, by: User | None = None) -> None:
        """Add a person or a bot; by the owner unless said otherwise."""
        self.add_members(chat, [who], by=by)

    def add_members(self, chat: Chat, users: Sequence[User], *, by: User | None = None) -> None:
        """Add several at once, with one service message."""
        self._backend.members.add(chat, users, by or self._owner(chat))

    def delete_account(self, user: User) -> None:
        """Make a person a deleted account: no name, in no chat, and nobody is told."""
        for chat in self._backend.world.chats.values():
            if self.member(chat, user).status in {"member", "restricted"}:
                del chat.members[user.id]
        self.set_username(user, None)
        user.first_name, user.last_name, user.is_deactivated = "", None, True

    def remove(self, chat: Chat, who: User, *, by: User | None = None) -> None:
        """Remove somebody who may come back."""
        self._backend.members.remove(chat, who, by=self._judge(chat, who, by))

    def ban(self, chat: Chat, who: User, *, by: User | None = None, until: float = 0) -> None:
        """Remove somebody for good, or until then."""
        self._backend.members.ban(chat, who, by=self._judge(chat, who, by), until=int(until))

    def unban(self, chat: Chat, who: User, *, by: User | None = None) -> None:
        """Let a banned one come back."""
        self._backend.members.unban(chat, who, by=self._judge(chat, who, by))

    def request_join(self, user: User, chat: Chat, *, link: InviteLink | None = None) -> JoinRequest:
        """Ask to be let in, by a link that asks for approval or where the chat does."""
        return self._backend.invites.request(user, chat, link)

    def approve(self, chat: Chat, user: User, *, by: User | None = None) -> None:
        """Let somebody in who asked."""
        self._backend.invites.approve(chat, user, by=self._holder(chat, by, "can_invite_users"))

    def decline(self, chat: Chat, user: User, *, by: User | None = None) -> None:
        """Turn somebody away who asked."""
        self._backend.invites.decline(chat, user, by=self._holder(chat, by, "can_invite_users"))

    def invite_link(self, chat: Chat, *, by: User | None = None, creates_join_request: bool = False) -> InviteLink:
        """Create an invite link."""
        link = self._backend.world.new_link(chat, by or self._owner(chat))
        link.creates_join_request = creates_join_request
        return link

    def promote(
        self,
        chat: Chat,
        who: User,
        *,
        by: User | None = None,
        anonymous: bool = False,
        title: str | None = None,
        **rights: bool,
    ) -> None:
        """Make somebody an administrator with the named rights, or with the usual ones when none are named."""
        unknown = rights.keys() - set(ALL_RIGHTS)
        if unknown:
            raise TypeError(f"no such rights: {', '.join(sorted(unknown))}")
        named = frozenset(name for name, held in rights.items() if held)
        self.appoint(chat, who, named if rights else None, by=by, anonymous=anonymous, title=title)

    def appoint(
        self,
        chat: Chat,
        who: User,
        rights: frozenset[str] | None,
        *,
        by: User | None = None,
        anonymous: bool = False,
        title: str | None = None,
    ) -> None:
        """Make somebody an administrator with exactly these rights; None stands for the usual ones."""
        actor = self._holder(chat, by, "can_promote_members")
        held = usual_rights(chat) if rights is None else rights | {"can_manage_chat"}
        self._backend.members.promote(chat, who, by=actor, rights=held, anonymous=anonymous, title=title)

    def demote(self, chat: Chat, who: User, *, by: User | None = None) -> None:
        """Make an administrator an ordinary member; a bot in a channel is out then."""
        actor = self._holder(chat, by, "can_promote_members")
        self._backend.members.promote(chat, who, by=actor, rights=frozenset())

    def be_anonymous(self, chat: Chat, who: User, *, anonymous: bool = True) -> None:
        """Let an administrator or the owner speak as the group."""
        old = self.member(chat, who)
        self._backend.members.set(chat, replace(old, is_anonymous=anonymous), actor=who)

    def restrict(
        self,
        chat: Chat,
        who: User,
        *,
        by: User | None = None,
        permissions: Mapping[str, bool] | bool = False,
        until: float = 0,
    ) -> None:
        """Restrict as a human moderator does: False mutes, True lifts, a mapping names what is allowed."""
        if chat.type != "supergroup":
            raise NotAllowed("only supergroups have restrictions")
        if isinstance(permissions, bool):
            allowed = all_permissions(allowed=permissions)
        else:
            allowed = {name: permissions.get(name, False) for name in PERMISSIONS}
        actor = self._judge(chat, who, by)
        self._backend.members.restrict(chat, who, by=actor, allowed=allowed, until=int(until))

    def set_permissions(self, chat: Chat, *, by: User | None = None, **changes: bool) -> None:
        """Change what everybody may do in a group."""
        unknown = changes.keys() - set(PERMISSIONS)
        if unknown:
            raise NotAllowed(f"no such permissions: {', '.join(sorted(unknown))}")
        self._holder(chat, by, "can_restrict_members")
        chat.permissions = chat.permissions | changes
        self._backend.record.changed()

    def say(
        self,
        user: User,
        chat: Chat,
        text: str,
        *,
        topic: int | Topic | None = None,
        media_group_id: str | None = None,
        photo: bool = False,
        reply_to: int | Message | None = None,
        as_channel: Chat | None = None,
        entities: Sequence[JsonObject] | None = None,
    ) -> Message:
        """Send a message; raises NotAllowed when muted or not a member. Anonymous administrators speak as the group."""
        draft = Draft(
            topic=topic.id if isinstance(topic, Topic) else topic,
            media_group_id=media_group_id,
            photo=photo,
            reply_to=reply_to.id if isinstance(reply_to, Message) else reply_to,
            as_channel=as_channel,
            entities=entities,
        )
        if chat.type == "channel":
            return self._backend.messages.post(chat, text, user, draft)
        return self._backend.messages.say(user, chat, text, draft)

    def comment(self, user: User, group: Chat, text: str, *, reply_to: int | None = None) -> Message:
        """Comment in a discussion group, member or not."""
        return self._backend.messages.comment(user, group, text, Draft(reply_to=reply_to))

    def post(self, channel: Chat, text: str, *, by: User | None = None) -> Message:
        """Post in a channel, with the automatic forward into its discussion group."""
        return self._backend.messages.post(channel, text, by or self._owner(channel), Draft())

    def private(self, user: User, bot: Bot, text: str) -> Message:
        """Write to a bot in private; this opens the chat, so that the bot may write."""
        return self._backend.messages.private(user, self.private_chat(user, bot), text, Draft())

    def forward(self, user: User, post: Message, bot: Bot) -> Message:
        """Forward a channel's post to a bot in private."""
        draft = Draft(origin=origin_of(post))
        return self._backend.messages.private(user, self.private_chat(user, bot), post.text or "", draft)

    def edit(self, user: User, chat: Chat, message_id: int | Message, text: str) -> Message:
        """Edit one's own message."""
        return self._backend.messages.edit(user, chat, _id(message_id), text)

    def delete(self, user: User, chat: Chat, message_id: int | Message) -> None:
        """Delete one's own message, or as an administrator with the right anybody's."""
        message = self._backend.messages.get(chat, _id(message_id))
        if message.author is not user and not self.member(chat, user).has("can_delete_messages"):
            raise NotAllowed(f"{user.name} may not delete this message")
        self._backend.messages.delete(chat, message.id)

    def press(
        self, user: User, chat: Chat, message_id: int | Message, data: str, *, ephemeral: int | None = None
    ) -> CallbackQuery:
        """Press an inline button; an ephemeral message is given itself, or by its ephemeral id.

        A message given itself may have been deleted meanwhile: apps can be late to notice.
        """
        if isinstance(message_id, Message):
            message = message_id
        elif ephemeral is not None:
            found = chat.ephemeral.get((user.id, ephemeral))
            if found is None:
                raise NotFound(f"{user.name} sees no such ephemeral message")
            message = found
        else:
            message = self._backend.messages.get(chat, message_id)
        return self._backend.callbacks.press(user, message, data)

    def share_chat(self, user: User, bot: Bot, request_id: int, chat: Chat) -> Message:
        """Pick a chat for a bot's `request_chat` button in the private chat."""
        return self._backend.sharing.share_chat(user, bot, request_id, chat)

    def configure(
        self,
        chat: Chat,
        *,
        by: User | None = None,
        join_by_request: bool | None = None,
        join_to_send_messages: bool | None = None,
        hidden_members: bool | None = None,
    ) -> None:
        """Change a chat's settings; None leaves one as it is."""
        self._holder(chat, by, "can_change_info")
        if join_by_request is not None:
            chat.join_by_request = join_by_request
        if join_to_send_messages is not None:
            chat.join_to_send_messages = join_to_send_messages
        if hidden_members is not None:
            chat.has_hidden_members = hidden_members
        self._backend.record.changed()

    def block(self, user: User, bot: Bot) -> None:
        """Block a bot; it hears of it."""
        self._set_block(user, bot, blocked=True)

    def unblock(self, user: User, bot: Bot) -> None:
        """Let a blocked bot write again."""
        self._set_block(user, bot, blocked=False)

    def add_topic(self, chat: Chat, name: str, *, by: User | None = None) -> Topic:
        """Open a forum topic."""
        return self._backend.messages.add_topic(chat, name, by or self._owner(chat))

    def close_topic(self, chat: Chat, topic: Topic, *, closed: bool = True, by: User | None = None) -> None:
        """Close a topic, or open it again."""
        self._backend.messages.close_topic(chat, topic.id, is_closed=closed, by=by or self._owner(chat))

    def migrate(self, group: Chat) -> Chat:
        """Upgrade a basic group to a supergroup, which is returned."""
        return self._backend.migration.migrate(group)

    def member(self, chat: Chat, user: User) -> Member:
        """Return somebody's standing as of now."""
        return self._backend.world.member(chat, user)

    def can_speak(self, chat: Chat, user: User) -> bool:
        """Say whether the user's app offers a composer: in the chat, and allowed by own and default permissions."""
        member = self.member(chat, user)
        return member.is_member and may(chat, member, "can_send_messages")

    def messages(self, chat: Chat, viewer: User | None = None) -> list[Message]:
        """Return the live messages this viewer sees, oldest first; without a viewer all, ephemeral ones too."""
        ephemeral = [m for m in chat.ephemeral.values() if viewer is None or m.receiver is viewer]
        return sorted([*chat.messages.values(), *ephemeral], key=lambda message: message.date)

    def _owner(self, chat: Chat) -> User:
        if chat.owner is None:
            raise NotAllowed("this chat has no owner")
        return chat.owner

    def _holder(self, chat: Chat, by: User | None, right: str) -> User:
        actor = by or self._owner(chat)
        if not self.member(chat, actor).has(right):
            raise NotAllowed(f"{actor.name} lacks {right} in {chat.title}")
        return actor

    def _judge(self, chat: Chat, who: User, by: User | None) -> User:
        actor = self._holder(chat, by, "can_restrict_members")
        target = self.member(chat, who)
        if target.is_admin and actor is not chat.owner and target.promoted_by != actor.id:
            raise NotAllowed(f"{who.name} is an administrator of {chat.title}")
        return actor

    def _set_block(self, user: User, bot: Bot, *, blocked: bool) -> None:
        chat = self.private_chat(user, bot)
        change = bot.blocked_by.add if blocked else bot.blocked_by.discard
        change(user.id)
        status = "kicked" if blocked else "member"
        self._backend.members.set(chat, Member(bot, status, is_in=not blocked), actor=user)


def _id(message: int | Message) -> int:
    return message.id if isinstance(message, Message) else message
