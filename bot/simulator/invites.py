"""Join requests: asking to be let in, and the answer."""

from .errors import NotAllowed, NotFound
from .feed import Feed
from .members import Members
from .model import Bot, Chat, InviteLink, JoinRequest, User
from .world import World

# A bot may write to who asked to join for so long, without being written to first.
WRITING_SECONDS = 300.0
# A guard bot has so long to answer; after that the request waits for the administrators.
GUARD_SECONDS = 10.0


class Invites:
    """Takes join requests and decides them."""

    def __init__(self, *, world: World, feed: Feed, members: Members) -> None:
        self._world = world
        self._feed = feed
        self._members = members

    def request(self, user: User, chat: Chat, link: InviteLink | None = None) -> JoinRequest:
        """Ask to join; administrators' bots hear of it and may write to the user for some minutes."""
        member = self._world.member(chat, user)
        if member.is_member or member.status == "kicked":
            raise NotAllowed(f"{user.name} is in {chat.title} or banned there")
        if user.id in chat.requests:
            raise NotAllowed(f"{user.name} has asked already")
        if not chat.join_by_request and (link is None or not link.creates_join_request):
            raise NotAllowed(f"{chat.title} takes no join requests")
        guards = [bot for bot in self._world.bots_in(chat) if bot.guards_join_requests]
        request = JoinRequest(user, self._world.now, link, self._world.new_query_id() if guards else None)
        chat.requests[user.id] = request
        for bot in self._world.bots_in(chat):
            bot.may_write_until[user.id] = self._world.now + WRITING_SECONDS
        self._feed.join_request(chat, request)
        return request

    def approve(self, chat: Chat, user: User, *, by: User) -> None:
        """Let the user in."""
        request = self._take(chat, user)
        via_request = request.link is None
        self._members.enter(chat, user, actor=by, link=request.link, via_request=via_request)

    def decline(self, chat: Chat, user: User, *, by: User) -> None:
        """Turn the user away."""
        del by
        self._take(chat, user)

    def by_query(self, bot: Bot, query_id: str) -> tuple[Chat, JoinRequest] | None:
        """Return the request a guard bot is asked about, while an answer is waited for."""
        since = self._world.now - GUARD_SECONDS
        for chat in self._world.chats.values():
            for request in chat.requests.values():
                if request.query_id == query_id and request.at >= since and bot.id in chat.members:
                    return chat, request
        return None

    def _take(self, chat: Chat, user: User) -> JoinRequest:
        request = chat.requests.pop(user.id, None)
        if request is None:
            raise NotFound(f"{user.name} has not asked to join {chat.title}")
        for bot in self._world.bots_in(chat):
            bot.may_write_until.pop(user.id, None)
        return request
