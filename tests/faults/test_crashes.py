"""`kill -9` around every commit of a mute and of a lift: the work is done once, by whoever is there next."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot.simulator import Fault
from tests.kits.platform import Instance, Lounge, Platform, balancer, eventually
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow]

# A dead instance's lease of 3 s runs out and is seen by the next sweep: 5 s, which `make chaos` holds. A machine that
# runs other tests is given more.
TAKEOVER_SECONDS = 20.0


@dataclass(frozen=True)
class Moment:
    """The moment of death: while a call of `method` about `where` is under way, before or after Telegram does it."""

    method: str
    where: str
    done: bool

    def fault(self, lounge: Lounge) -> Fault:
        """Return the fault that makes the call last long enough to die in it."""
        chat = lounge.news.id if self.where == "channel" else lounge.group.id
        if self.done:
            return Fault(kind="lose_answer", method=self.method, chat=chat)
        return Fault(kind="delay", method=self.method, chat=chat, seconds=1.5)

    def __str__(self) -> str:
        return f"{self.method}-{self.where}-{'done' if self.done else 'undone'}"


MUTE = [
    Moment("getChatMember", "channel", done=False),  # before the intent is committed
    Moment("getChatMember", "group", done=False),  # intent committed and acknowledged, nothing done
    Moment("restrictChatMember", "group", done=False),  # the mute announced in the ledger, not in force
    Moment("restrictChatMember", "group", done=True),  # in force, not noted
    Moment("deleteMessage", "group", done=False),
    Moment("sendMessage", "group", done=False),
    Moment("sendMessage", "group", done=True),  # the prompt stands, its id is lost
]
LIFT = [
    Moment("restrictChatMember", "group", done=False),
    Moment("restrictChatMember", "group", done=True),
    Moment("deleteMessage", "group", done=False),
]


@pytest.fixture
async def doomed(platform: Platform, lounge: Lounge) -> AsyncIterator[Instance]:
    """Run one instance to be killed, and behind the same address one that goes on."""
    port, heir_port = free_port(), free_port()
    changes = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "warning"}
    async with platform.process(free_port(), **changes) as doomed, balancer(port, doomed.port, heir_port):
        await platform.webhook_is_set()
        await lounge.settled()
        await lounge.protect(lounge.news)
        async with platform.process(heir_port, **changes):
            yield doomed


async def strike(doomed: Instance, moment: Moment, lounge: Lounge) -> None:
    """Kill the instance at the moment."""
    calls = lounge.calls(moment.method)
    known = len(calls)

    def reached() -> bool:
        fresh = lounge.calls(moment.method)[known:]
        chat = lounge.news.id if moment.where == "channel" else lounge.group.id
        return any(str(call.params.get("chat_id")) == str(chat) and call.is_running != moment.done for call in fresh)

    await eventually(reached, f"{moment}")
    doomed.kill()


@pytest.mark.parametrize("moment", MUTE, ids=str)
async def test_killed_while_muting(moment: Moment, doomed: Instance, lounge: Lounge, platform: Platform) -> None:
    """Whatever was done when the instance died, the stranger ends up muted once, prompted, and free on joining."""
    lounge.sim.faults.add(moment.fault(lounge))
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await strike(doomed, moment, lounge)

    await eventually(lambda: lounge.muted(lounge.stranger), "the heir mutes", within=TAKEOVER_SECONDS)
    await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "the heir prompts", within=TAKEOVER_SECONDS)
    await lounge.sim.settled(10)
    await platform.at_rest()

    assert message.id not in {standing.id for standing in lounge.sim.messages(lounge.group)}
    # Telegram carries out a call whose sender is dead: a crash while the prompt is sent may cost a second one.
    assert len(lounge.prompts(lounge.stranger)) in ({1, 2} if moment.method == "sendMessage" else {1})
    assert len(await platform.open_cases()) == 1
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger)
    await platform.at_rest()
    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"
    assert await platform.open_cases() == []


@pytest.mark.parametrize("moment", LIFT, ids=str)
async def test_killed_while_freeing(moment: Moment, doomed: Instance, lounge: Lounge, platform: Platform) -> None:
    """Whatever was done when the instance died, the member ends up free and the prompt is gone."""
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_muted(lounge.stranger)
    await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "the prompt is there")
    await platform.at_rest()
    lounge.sim.faults.add(moment.fault(lounge))
    lounge.sim.join(lounge.stranger, lounge.news)
    await strike(doomed, moment, lounge)

    await eventually(lambda: not lounge.muted(lounge.stranger), "the heir frees", within=TAKEOVER_SECONDS)
    await eventually(lambda: not lounge.prompts(lounge.stranger), "the prompt goes", within=TAKEOVER_SECONDS)
    await lounge.sim.settled(10)
    await platform.at_rest()

    assert lounge.sim.member(lounge.group, lounge.stranger).status == "member"
    assert await platform.open_cases() == []


async def test_killed_and_restarted_alone(platform: Platform, lounge: Lounge) -> None:
    """With no other instance, the work is done after the restart."""
    port = free_port()
    async with platform.process(port, LOG_LEVEL="warning") as instance:
        await platform.webhook_is_set()
        await lounge.settled()
        await lounge.protect(lounge.news)
        lounge.sim.faults.add(Fault(kind="delay", method="restrictChatMember", seconds=1.5))
        lounge.sim.say(lounge.stranger, lounge.group, "hello")
        await lounge.until_running("restrictChatMember")
        instance.kill()
        await instance.stop()
    assert lounge.prompts(lounge.stranger) == []

    async with platform.process(port, LOG_LEVEL="warning"):
        await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "the prompt is there", within=TAKEOVER_SECONDS)
        await lounge.sim.settled(10)
        await platform.at_rest()

        assert lounge.muted(lounge.stranger)
        assert len(lounge.prompts(lounge.stranger)) == 1
        assert len(await platform.open_cases()) == 1


async def test_asked_to_end_while_prompting(doomed: Instance, lounge: Lounge, platform: Platform) -> None:
    """Whoever is asked to end finishes the call it is at: the heir has nothing to do again."""
    lounge.sim.faults.add(Fault(kind="delay", method="sendMessage", seconds=1.0))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await lounge.until_running("sendMessage")
    doomed.terminate()

    await doomed.stop()
    await eventually(lambda: bool(lounge.prompts(lounge.stranger)), "the prompt is there")
    await lounge.sim.settled(10)
    await platform.at_rest()

    assert len(lounge.calls("sendMessage")) == len(lounge.said())
    assert len(lounge.prompts(lounge.stranger)) == 1
