"""Members verified in advance: how long a crowd takes, and whether who presses the button has to wait for it."""

import asyncio
import json
import sys
from collections.abc import Callable
from itertools import count

import asyncpg

from bot.core.clock import SystemClock
from bot.simulator import Bot, Chat, Fault, Message, Simulator, User
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.processes import BenchmarkError, free_port
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage

_SECTION = "warming"
_LATENCY_SECONDS = 0.05
# A thousand within five minutes.
_SECONDS_EACH = 0.3
_PRESS_MS = 500.0
_PATIENCE_SECONDS = 10.0
_EVERY_SECONDS = 1.0


async def measure_warming(stage: Stage, effort: Effort, report: Report) -> None:
    """Run the command beside an instance, while a stranger presses."""
    town = _Town(stage.simulator, members=effort.warmed)
    database_url, token = await stage.database(), town.bot.token
    environment = stage.environment(token=token, database_url=database_url, port=free_port())
    async with stage.instance("gmbot", token=token, database_url=database_url):
        await town.protect()
        await _see(database_url, town)
        prompt = await town.prompt()
        town.simulator.faults.add(
            Fault(kind="delay", bot=town.bot.id, method="getChatMember", times=None, seconds=_LATENCY_SECONDS)
        )
        warm = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "warm", "--all", "--json"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                pressing = tasks.create_task(town.press(prompt, until=lambda: warm.returncode is not None))
                out, said = await warm.communicate()
        finally:
            if warm.returncode is None:
                warm.kill()
                await warm.wait()
    if warm.returncode:
        raise BenchmarkError(f"gmbot warm: {said.decode(errors='replace').strip()}")
    stats, asked = json.loads(out), town.asked() / effort.warmed
    title = f"{stats['verified']:,} members of one channel, 5 questions a second"
    report.single(_SECTION, title, stats["duration_seconds"], "s", Target("<", _SECONDS_EACH * effort.warmed))
    report.single(_SECTION, "Bot API calls per member", asked, "", Target("<=", 1))
    report.sampled(_SECTION, "a press meanwhile, to its answer", pressing.result(), "ms", p95=Target("<", _PRESS_MS))


class _Town:
    """A group, its channel, members of whom nobody has heard, and a stranger."""

    def __init__(self, simulator: Simulator, *, members: int) -> None:
        self.simulator = simulator
        self._owner = simulator.add_user("Olga")
        self._channel = simulator.add_channel("Warm", owner=self._owner, username="warm_channel")
        self.group = simulator.add_group("Warming", owner=self._owner)
        self.members = [self._person(f"Warm{number}", self._channel, self.group) for number in range(members)]
        self._stranger = self._person("Stan", self.group)
        self.bot: Bot = simulator.add_bot("warming_bot")
        simulator.promote(self._channel, self.bot, can_invite_users=True)
        simulator.add_member(self.group, self.bot)
        simulator.promote(self.group, self.bot, can_restrict_members=True, can_delete_messages=True)

    async def protect(self) -> None:
        """Require the channel."""
        self.simulator.say(self._owner, self.group, f"/protect @{self._channel.username}")
        await self.simulator.settled(_PATIENCE_SECONDS)

    async def prompt(self) -> Message:
        """Have the stranger muted, and return what he is shown."""
        self.simulator.say(self._stranger, self.group, "hello")
        clock = SystemClock()
        deadline = clock.monotonic() + _PATIENCE_SECONDS
        while clock.monotonic() < deadline:
            for message in self.simulator.messages(self.group):
                if message.author is self.bot and self._stranger.first_name in (message.text or ""):
                    return message
            await clock.sleep(0.02)
        raise BenchmarkError("not in time: a prompt")

    async def press(self, prompt: Message, *, until: Callable[[], bool]) -> list[float]:
        """Press every second; return how many milliseconds each answer took."""
        clock, took = SystemClock(), list[float]()
        while not (until() and took):
            query = self.simulator.press(self._stranger, self.group, prompt, "v")
            for waited in count(1):
                if query.answer is not None:
                    break
                if waited * 0.002 > _PATIENCE_SECONDS:
                    raise BenchmarkError("not in time: an answer to a press")
                await clock.sleep(0.002)
            took.append((self.simulator.clock.now() - query.at) * 1000)
            await clock.sleep(_EVERY_SECONDS)
        return took

    def asked(self) -> int:
        """Count the questions about members."""
        members = {str(member.id) for member in self.members}
        return sum(str(call.params.get("user_id")) in members for call in self.simulator.calls_of("getChatMember"))

    def _person(self, name: str, *chats: Chat) -> User:
        user = self.simulator.add_user(name)
        for chat in chats:
            self.simulator.join(user, chat)
        return user


async def _see(database_url: str, town: _Town) -> None:
    """Note all members as seen a moment ago."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO group_members_seen (bot_id, group_id, user_id, seen_at)"
            " SELECT $1, $2, unnest($3::bigint[]), now()",
            town.bot.id,
            town.group.id,
            [member.id for member in town.members],
        )
    finally:
        await connection.close()
