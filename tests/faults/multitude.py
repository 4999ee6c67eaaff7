"""Many bots in one deployment, each with a channel, groups and people of its own, all at once."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest

from bot.simulator import Bot, Call, Chat, Fault, Simulator, User
from tests.faults.scaling import Fleet
from tests.faults.town import batched
from tests.kits.platform import add_group, eventually, has_heard

# Of their first commands; a burst of all bots' would say more about this machine than about them.
_BOTS_AT_ONCE = 10
_ATTEMPTS = 5
# A tenth of them is broken, and two where there are few: in these ways, one after the other.
_BROKEN_SHARE = 10
_FEWEST_BROKEN = 2
_WAYS = 3
_WRITES_EVERY_SECONDS = 1.0
_TOUCHING = ("restrictChatMember", "sendMessage", "deleteMessage", "deleteMessages", "getChatMember")


@dataclass(frozen=True)
class Tenant:
    """One bot, and what is its own."""

    bot: Bot
    owner: User
    member: User
    stranger: User
    channel: Chat
    groups: Sequence[Chat]

    @property
    def group(self) -> Chat:
        """The group that is protected."""
        return self.groups[0]


def settle(sim: Simulator, bots: int, *, groups: int) -> list[Tenant]:
    """Build so many bots' worlds; only the first group of each will be protected."""
    tenants = [_tenant(sim, number, groups) for number in range(bots)]
    # Nobody hears of their coming.
    sim.forget_updates()
    return tenants


def _tenant(sim: Simulator, number: int, groups: int) -> Tenant:
    bot = sim.add_bot(username=f"gate_{number}_bot", first_name=f"Gate {number}")
    owner, member, stranger = (sim.add_user(f"{name}{number}x") for name in ("Olivia", "Mia", "Sam"))
    channel = sim.add_channel(f"News {number}", owner=owner, username=f"news_{number}")
    sim.promote(channel, bot, can_invite_users=True)
    sim.join(member, channel)
    chats = [add_group(sim, bot, owner, f"Group {number}.{each}") for each in range(groups)]
    for chat in chats:
        for user in (member, stranger):
            sim.join(user, chat)
    return Tenant(bot, owner, member, stranger, channel, chats)


@dataclass
class Isolation:
    """What many bots at once came to."""

    broken: int
    members_muted: int
    strangers_not_muted: int
    """Of the bots that are not broken, and so below."""
    strangers_not_freed: int
    foreign_calls: int


async def live_side_by_side(
    found: Fleet, tenants: Sequence[Tenant], *, patience: float, say: Callable[[str], None] = lambda _: None
) -> Isolation:
    """Protect a group of each bot, break a tenth of them, and have all strangers speak and join while members write."""
    sim = found.platform.sim
    say(f"{len(tenants)} bots protect")
    await _protect(found, tenants)
    for instance in found.instances:
        await eventually(partial(has_heard, instance.url, groups=len(tenants)), "each instance knows of all groups")
    broken = max(_FEWEST_BROKEN, len(tenants) // _BROKEN_SHARE)
    others = tenants[broken:]
    for number, each in enumerate(tenants[:broken]):
        _break(sim, each.bot, number % _WAYS)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(_write(sim, tenants))
        say(f"{len(tenants)} strangers speak at once, {broken} bots are broken")
        for each in tenants:
            sim.say(each.stranger, each.group, "hello?")
        await _until(lambda: _free(sim, others) == 0, patience)
        not_muted = _free(sim, others)
        say("all join")
        for each in tenants:
            sim.join(each.stranger, each.channel)
        await _until(lambda: _free(sim, others) == len(others), patience)
        writing.cancel()
    return Isolation(
        broken=broken,
        members_muted=sum(not sim.can_speak(each.group, each.member) for each in tenants),
        strangers_not_muted=not_muted,
        strangers_not_freed=len(others) - _free(sim, others),
        foreign_calls=_foreign(tenants, sim.calls_of(*_TOUCHING)),
    )


def _break(sim: Simulator, bot: Bot, way: int) -> None:
    """Have a bot's token revoked, or Telegram fail for it, or tell it again and again to wait."""
    match way:
        case 0:
            sim.revoke_token(bot)
        case 1:
            sim.faults.add(Fault(kind="error", bot=bot.id, code=500, times=None))
        case _:
            sim.faults.add(Fault(kind="flood", bot=bot.id, retry_after=2, times=None))


async def _write(sim: Simulator, tenants: Sequence[Tenant]) -> None:
    """Have all members write, again and again, evenly spread."""
    for number, each in enumerate(itertools.cycle(tenants)):
        sim.say(each.member, each.group, f"message {number}")
        await asyncio.sleep(_WRITES_EVERY_SECONDS / len(tenants))


async def speak_everywhere(found: Fleet, tenants: Sequence[Tenant]) -> int:
    """Have somebody speak in every group at once; return how many connections Telegram held open for it."""
    for each in tenants:
        for group in each.groups:
            found.platform.sim.say(each.member, group, "hello everybody")
    await found.platform.sim.settled(60)
    return found.front.connections()


async def _protect(found: Fleet, tenants: Sequence[Tenant]) -> None:
    for _ in range(_ATTEMPTS):
        rows = await found.platform.fetch("SELECT group_id FROM protected_groups WHERE protected")
        protected = {row["group_id"] for row in rows}
        for few in batched([each for each in tenants if each.group.id not in protected], _BOTS_AT_ONCE):
            for each in few:
                found.platform.sim.say(each.owner, each.group, f"/protect @{each.channel.username}")
            await found.platform.sim.settled(60)


async def _until(holds: Callable[[], bool], patience: float) -> None:
    """Wait for something, but only so long: what did not happen is counted, not raised."""
    with suppress(pytest.fail.Exception):
        await eventually(holds, "what is counted afterwards", within=patience)


def _free(sim: Simulator, tenants: Sequence[Tenant]) -> int:
    return sum(sim.can_speak(each.group, each.stranger) for each in tenants)


def _foreign(tenants: Sequence[Tenant], calls: Sequence[Call]) -> int:
    """Count calls of a bot about a chat or a person of another."""
    own = {each.bot.id: {chat.id for chat in (each.channel, *each.groups)} for each in tenants}
    people = {each.bot.id: {each.bot.id, each.owner.id, each.member.id, each.stranger.id} for each in tenants}
    count = 0
    for call in calls:
        chat, user = int(str(call.params["chat_id"])), call.params.get("user_id")
        inside = chat in own[call.bot_id] | people[call.bot_id]
        count += not inside or (user is not None and int(str(user)) not in people[call.bot_id])
    return count
