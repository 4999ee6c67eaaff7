"""People who write, join, leave, press and moderate at random, and what must hold for every one of them."""

import random
from collections import Counter
from contextlib import suppress

from bot.simulator import Call, Chat, NotAllowed, User
from tests.kits.platform import Lounge, add_group

_GROUPS = 3
PEOPLE = 40
# How long before the call that mutes them somebody may have joined: the second question and its answer take time.
_IN_FLIGHT_SECONDS = 3.0
_MEDIA_BAN = {"can_send_messages": True, "can_send_other_messages": True}


class Crowd:
    """People who write, join, leave, press and moderate at random."""

    def __init__(self, lounge: Lounge, dice: random.Random) -> None:
        self.sim = lounge.sim
        self._lounge = lounge
        self._dice = dice
        self.acts: Counter[str] = Counter()
        self.first_update = lounge.sim.last_update_id(lounge.bot) + 1
        """What happened before is forgotten, also by Telegram."""
        self.groups = [
            lounge.group,
            *(add_group(lounge.sim, lounge.bot, lounge.owner, f"Group {n}") for n in range(1, _GROUPS)),
        ]
        self.channels = [lounge.news, lounge.insiders]
        self.required = {self.groups[0].id: [lounge.news], self.groups[1].id: [lounge.insiders]}
        self.required[self.groups[2].id] = self.channels
        self.people = [lounge.sim.add_user(f"Person{n:02}x") for n in range(PEOPLE)]
        self.joined_at: dict[tuple[int, int], float] = {}
        self.restricted: dict[tuple[int, int], frozenset[str]] = {}
        self.acted_at: dict[tuple[int, int], float] = {}
        """When somebody other than the bot changed a person's standing in a group."""
        for person in self.people:
            for group in self.groups:
                lounge.sim.join(person, group)

    async def protect(self) -> None:
        """Protect every group."""
        self.sim.say(self._lounge.owner, self.groups[0], "/protect @gm_news")
        self.sim.say(self._lounge.owner, self.groups[1], f"/protect {self._lounge.insiders.id}")
        self.sim.say(self._lounge.owner, self.groups[2], f"/protect @gm_news {self._lounge.insiders.id}")
        await self.sim.settled(20)

    def act(self) -> None:
        """Do one thing, if the world allows it."""
        weights = {self.speak: 70, self.change_channel: 18, self.press: 6, self.moderate: 3, self.come_and_go: 3}
        choice = self._dice.choices(list(weights), list(weights.values()))[0]
        with suppress(NotAllowed):
            choice(self._dice.choice(self.people), self._dice.choice(self.groups))
            self.acts[choice.__name__] += 1

    def speak(self, person: User, group: Chat) -> None:
        """Write a line."""
        self.sim.say(person, group, "hello")

    def change_channel(self, person: User, _: Chat) -> None:
        """Join or leave a channel."""
        channel = self._dice.choice(self.channels)
        key = (channel.id, person.id)
        if key in self.joined_at:
            del self.joined_at[key]
            self.sim.leave(person, channel)
        else:
            self.sim.join(person, channel)
            self.joined_at[key] = self.sim.clock.now()

    def press(self, person: User, group: Chat) -> None:
        """Press the button of one's own prompt."""
        for prompt in self._lounge.prompts(person, group)[:1]:
            self.sim.press(person, group, prompt.id, "v")

    def moderate(self, person: User, group: Chat) -> None:
        """Restrict somebody as a moderator, or end that."""
        owner, key = self._lounge.owner, (group.id, person.id)
        self.acted_at[key] = self.sim.clock.now()
        if key in self.restricted:
            self.sim.restrict(group, person, by=owner, permissions=True)
            del self.restricted[key]
        else:
            self.sim.restrict(group, person, by=owner, permissions=_MEDIA_BAN)
            self.restricted[key] = frozenset(self.sim.member(group, person).permissions)

    def come_and_go(self, person: User, group: Chat) -> None:
        """Leave the group and come back."""
        self.acted_at[group.id, person.id] = self.sim.clock.now()
        self.sim.leave(person, group)
        self.sim.join(person, group)

    def judge(self, call: Call) -> bool:
        """Whether a mute that Telegram has just carried out hits somebody who has been in the channels for a while."""
        group, person = int(str(call.params["chat_id"])), int(str(call.params["user_id"]))
        since = [self.joined_at.get((channel.id, person), call.at) for channel in self.required[group]]
        return all(call.at - joined > _IN_FLIGHT_SECONDS for joined in since)

    def all_join(self) -> None:
        """Have everybody join everything."""
        for person in self.people:
            for channel in self.channels:
                if (channel.id, person.id) not in self.joined_at:
                    self.sim.join(person, channel)
                    self.joined_at[channel.id, person.id] = self.sim.clock.now()

    def stuck(self) -> int:
        """Count people who cannot write although they are in every channel."""
        return sum(not self.sim.can_speak(group, person) for group in self.groups for person in self.people)

    def moderation_lost(self) -> int:
        """Count moderators' restrictions that are not exactly what they were, and those that came from nowhere."""
        lost = 0
        for group in self.groups:
            for person in self.people:
                state = self.sim.member(group, person)
                wanted = self.restricted.get((group.id, person.id))
                given = frozenset(state.permissions) if state.status == "restricted" else None
                lost += given != wanted
        return lost

    def prompts(self) -> int:
        """Count prompts that still stand."""
        return sum(len(self._lounge.prompts(person, group)) for group in self.groups for person in self.people)
