"""Who is in which chat and with what rights: the verbs of people and bots alike."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from . import permissions
from .errors import NotAllowed
from .feed import Feed
from .messages import Messages
from .model import Bot, Chat, InviteLink, JsonObject, Member, Message, User
from .shapes import user_json
from .world import World


class Members:
    """Changes memberships and lets the bots hear of it; the methods check what a bot may do."""

    def __init__(self, *, world: World, feed: Feed, messages: Messages) -> None:
        self._world = world
        self._feed = feed
        self._messages = messages

    def set(
        self,
        chat: Chat,
        new: Member,
        *,
        actor: User,
        link: InviteLink | None = None,
        via_request: bool = False,
    ) -> None:
        """Put a standing in force; an unchanged one makes no update."""
        old = self._world.member(chat, new.user)
        if old == new:
            return
        chat.members[new.user.id] = new
        self._feed.member_changed(chat, (old, new), actor=actor, link=link, via_request=via_request)

    def enter(
        self,
        chat: Chat,
        user: User,
        *,
        actor: User,
        link: InviteLink | None = None,
        via_request: bool = False,
    ) -> None:
        """Bring a user in, with a service message; a restriction from before is still in force."""
        self._enter(chat, user, actor=actor, link=link, via_request=via_request)
        self._announce(chat, [user], actor)

    def _enter(
        self, chat: Chat, user: User, *, actor: User, link: InviteLink | None = None, via_request: bool = False
    ) -> None:
        old = self._world.member(chat, user)
        if old.is_member:
            raise NotAllowed(f"{user.name} is in {chat.title} already")
        new = replace(old, is_in=True) if old.status == "restricted" else Member(user, "member")
        chat.requests.pop(user.id, None)
        if link is not None:
            link.joined += 1
        self.set(chat, new, actor=actor, link=link, via_request=via_request)

    def _announce(self, chat: Chat, users: Sequence[User], actor: User) -> None:
        if chat.is_group and not chat.has_hidden_members and not chat.joins_are_silent:
            self._serve(chat, actor, {"new_chat_members": [user_json(user) for user in users]})

    def join(self, user: User, chat: Chat, link: InviteLink | None = None) -> None:
        """Join by oneself; a private chat is joined by its primary link."""
        if self._world.member(chat, user).status == "kicked":
            raise NotAllowed(f"{user.name} is banned in {chat.title}")
        if isinstance(user, Bot):
            raise NotAllowed("a bot joins nothing by itself; somebody adds it")
        if chat.join_by_request or (link is not None and link.creates_join_request):
            raise NotAllowed(f"{chat.title} asks for a join request")
        if link is None and chat.username is None and chat.owner is not None:
            link = self._world.primary_link(chat, chat.owner)
        if link is not None and self._is_spent(link):
            raise NotAllowed("the invite link is no longer valid")
        self.enter(chat, user, actor=user, link=link)

    def _is_spent(self, link: InviteLink) -> bool:
        expired = link.expire_date is not None and link.expire_date <= self._world.now
        full = link.member_limit is not None and link.joined >= link.member_limit
        return link.is_revoked or expired or full

    def add(self, chat: Chat, users: Sequence[User], by: User) -> None:
        """Add others, as administrators and, where members may invite, members do; one message tells of all."""
        if chat.type == "channel" and any(isinstance(user, Bot) for user in users):
            raise NotAllowed("a bot can be in a channel only as an administrator; promote it")
        inviter = self._world.member(chat, by)
        may_invite = (
            inviter.has("can_invite_users")
            if inviter.is_admin
            else inviter.is_member and permissions.may(chat, inviter, "can_invite_users")
        )
        if not may_invite:
            raise NotAllowed(f"{by.name} may not add members to {chat.title}")
        for user in users:
            self._enter(chat, user, actor=by)
        self._announce(chat, users, by)

    def leave(self, user: User, chat: Chat) -> None:
        """Leave by oneself."""
        old = self._world.member(chat, user)
        if not old.is_member:
            raise NotAllowed(f"{user.name} is not in {chat.title}")
        if old.status == "creator":
            raise NotAllowed("the owner cannot leave")
        self._depart(chat, self._outside(old), actor=user)

    def ban(self, chat: Chat, user: User, *, by: User, until: int = 0) -> None:
        """Remove a user who may not come back until then; 0 is for ever."""
        old = self._world.member(chat, user)
        end = 0 if chat.type == "group" else permissions.normal_until(until, self._world.now)
        new = Member(user, "kicked", is_in=False, until_date=end, restricted_by=by.id)
        if replace(old, restricted_by=by.id) == new:
            return
        if old.is_member:
            self._depart(chat, new, actor=by)
        else:
            self.set(chat, new, actor=by)

    def unban(self, chat: Chat, user: User, *, by: User) -> None:
        """Let a banned user come back; nothing for others."""
        if self._world.member(chat, user).status == "kicked":
            self.set(chat, Member(user, "left", is_in=False), actor=by)

    def remove(self, chat: Chat, user: User, *, by: User) -> None:
        """Remove without a lasting ban."""
        self.ban(chat, user, by=by)
        self.unban(chat, user, by=by)

    def restricted(self, chat: Chat, user: User, *, by: User, allowed: Mapping[str, bool], until: int) -> Member:
        """Return the standing that a restriction would make; everything allowed lifts it."""
        old = self._world.member(chat, user)
        if all(allowed.get(name, False) for name in permissions.PERMISSIONS):
            return Member(user, "member" if old.is_member else "left", is_in=old.is_member)
        new = Member(
            user,
            "restricted",
            is_in=old.is_member,
            permissions={name: allowed.get(name, False) for name in permissions.PERMISSIONS},
            until_date=permissions.normal_until(until, self._world.now),
            restricted_by=by.id,
        )
        return old if replace(old, restricted_by=by.id) == new else new

    def restrict(self, chat: Chat, user: User, *, by: User, allowed: Mapping[str, bool], until: int = 0) -> None:
        """Limit what a user may do, or lift it."""
        self.set(chat, self.restricted(chat, user, by=by, allowed=allowed, until=until), actor=by)

    def promote(
        self,
        chat: Chat,
        user: User,
        *,
        by: User,
        rights: frozenset[str],
        anonymous: bool = False,
        title: str | None = None,
    ) -> None:
        """Make somebody an administrator with exactly these rights; without any, an ordinary member again."""
        old = self._world.member(chat, user)
        if rights:
            held = (rights | {"can_manage_chat"}) & frozenset(permissions.rights_for(chat))
            new = Member(
                user, "administrator", rights=held, is_anonymous=anonymous, custom_title=title, promoted_by=by.id
            )
        elif isinstance(user, Bot) and chat.type == "channel":
            new = Member(user, "left", is_in=False)
        else:
            new = Member(user, "member")
        if not old.is_member and chat.is_group:
            self.enter(chat, user, actor=by)
        self.set(chat, new, actor=by)

    @staticmethod
    def _outside(old: Member) -> Member:
        if old.status == "restricted":
            return replace(old, is_in=False)
        return Member(old.user, "left", is_in=False)

    def _depart(self, chat: Chat, new: Member, *, actor: User) -> None:
        self.set(chat, new, actor=actor)
        if not chat.is_group or chat.has_hidden_members:
            return
        message = self._serve(chat, actor, {"left_chat_member": user_json(new.user)})
        if isinstance(new.user, Bot):
            self._feed.departure(new.user, message)

    def _serve(self, chat: Chat, actor: User, payload: JsonObject) -> Message:
        return self._messages.service(chat, actor, payload)
