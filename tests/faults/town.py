"""A town to put under load: many groups behind one channel, their members, and strangers who have not spoken yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bot.simulator import Bot, Chat, Simulator, User
from tests.kits.platform import Platform, eventually

# A burst of commands before the load begins would use up budgets that are for the load.
_COMMANDS_AT_ONCE = 10
_MESSAGES_AT_ONCE = 50
# On a machine that does other things a command may go unanswered.
_ATTEMPTS = 5
_PROTECTED = "SELECT group_id FROM protected_groups WHERE protected"
Something = TypeVar("Something")


@dataclass(slots=True, eq=False)
class Stranger:
    """Somebody who is in a group and not in its channel, from the first word to the freedom."""

    user: User
    group: Chat
    message: int = 0
    prompt: int = 0
    spoke_at: float = 0.0
    join_at: float | None = None
    joined_at: float | None = None
    mutes: int = 0
    prompts: int = 0
    lifts: int = 0

    @property
    def is_silenced(self) -> bool:
        """Whether the first word was the last one, and is gone."""
        return self.mutes > 0 and self.message not in self.group.messages

    @property
    def is_free(self) -> bool:
        """Whether all that follows from joining has been done."""
        return self.lifts >= self.mutes and self.prompt not in self.group.messages


@dataclass(frozen=True)
class Town:
    """Who and what is there."""

    sim: Simulator
    bot: Bot
    owner: User
    channel: Chat
    groups: Sequence[Chat]
    members: Sequence[tuple[User, Chat]]
    strangers: list[Stranger] = field(default_factory=list)

    def muted(self) -> int:
        """Count who cannot write."""
        strangers = [(stranger.user, stranger.group) for stranger in self.strangers]
        return sum(not self.sim.can_speak(group, user) for user, group in (*self.members, *strangers))

    async def protect(self, platform: Platform) -> None:
        """Protect every group, and have every member write once: then they are known."""
        for _ in range(_ATTEMPTS):
            protected = {row["group_id"] for row in await platform.fetch(_PROTECTED)}
            for few in batched([group for group in self.groups if group.id not in protected], _COMMANDS_AT_ONCE):
                for group in few:
                    self.sim.say(self.owner, group, f"/protect @{self.channel.username}")
                await self.sim.settled(60)
        for some in batched(self.members, _MESSAGES_AT_ONCE):
            for member, group in some:
                self.sim.say(member, group, "good morning")
            await self.sim.settled(60)

    async def rehearse(self) -> None:
        """Have one stranger go the whole way, so that everything that is needed is loaded."""
        user, group = (stranger := self.strangers.pop()).user, stranger.group

        def prompted() -> bool:
            return any(user.first_name in (message.text or "") for message in group.messages.values())

        async def muted() -> bool:
            # The word may come to an instance that has not heard yet that the group is protected.
            if self.sim.can_speak(group, user):
                self.sim.say(user, group, "hello?")
                await self.sim.settled(60)
            return not self.sim.can_speak(group, user)

        await eventually(muted, "a mute", within=60)
        await eventually(prompted, "a prompt", within=60)
        self.sim.join(user, self.channel)
        await eventually(lambda: self.sim.can_speak(group, user), "a lift", within=60)
        await eventually(lambda: not prompted(), "no prompt", within=60)


def batched(many: Sequence[Something], size: int) -> list[Sequence[Something]]:
    """Cut into parts of this size."""
    return [many[first : first + size] for first in range(0, len(many), size)]


def build(sim: Simulator, *, groups: int, members: int, strangers: int) -> Town:
    """Settle people into groups first and appoint the bot then: it hears nothing of their coming."""
    owner, bot = sim.add_user("Olivia"), sim.add_bot(username="gate_bot", first_name="Gate")
    channel = sim.add_channel("News", owner=owner, username="gm_news")
    sim.promote(channel, bot, can_invite_users=True)
    chats = [sim.add_group(f"Group {number}", owner=owner) for number in range(groups)]
    living = [(sim.add_user(f"Member{number:05}x"), chats[number % groups]) for number in range(members)]
    coming = [Stranger(sim.add_user(f"Stranger{number:06}x"), chats[number % groups]) for number in range(strangers)]
    for user, group in (*living, *((each.user, each.group) for each in coming)):
        sim.join(user, group)
    for user, _ in living:
        sim.join(user, channel)
    for chat in chats:
        sim.add_member(chat, bot)
        sim.promote(chat, bot, can_restrict_members=True, can_delete_messages=True, can_invite_users=True)
    return Town(sim, bot, owner, channel, chats, living, coming)
