"""How many statements each kind of update costs: a running instance, a simulated Telegram, and the server's count."""

import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.app import Mode, running
from bot.cli.running import serving
from bot.core.clock import SystemClock
from bot.core.crypto import new_key
from bot.core.settings import Settings
from bot.simulator import Simulator, demo_world
from bot.simulator.worlds import DemoWorld
from bot.utils.optimizer.connecting import Connection
from bot.utils.optimizer.counting import calls

# What runs by the clock, whether updates come or not.
BY_THE_CLOCK = frozenset(
    {
        "beat", "bots_changed_since", "config_seq", "count_dead", "count_under_review", "db_now", "due_cases",
        "enabled_bots", "groups_changed_since", "letters_to_replay", "members_seen", "muting_cases", "ping",
        "put_under_review", "renew_case", "take_actions", "actions_done", "take_knocks", "primary_identity",
        "note_primary", "replicas", "take_shared_prompts", "count_unasked",
    }
)  # fmt: skip
_SETTLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """The statements that one update led to, the work on its case included."""

    update: str
    most: int
    statements: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many in all."""
        return sum(self.statements.values())


async def costs(
    connection: Connection, names: Mapping[int, str], *, database_url: str, redis_url: str, clock: SystemClock
) -> list[Cost]:
    """Play through the kinds of updates and count."""
    simulator = Simulator(seed=4)
    world = demo_world(simulator)
    found: list[Cost] = []

    async def count(update: str, most: int, act: Callable[[], object]) -> None:
        before = await calls(connection, names)
        act()
        await _settled(simulator, connection, clock)
        after = await calls(connection, names)
        spent = Counter({name: after[name] - before[name] for name in after if name not in BY_THE_CLOCK})
        found.append(Cost(update, most, +spent))

    async with _instance(simulator, world, database_url, redis_url):
        await _protected(simulator, world, connection, clock)
        await count("a member's first message", 2, lambda: simulator.say(world.mia, world.lounge, "hello"))
        await count("a member's further message", 0, lambda: simulator.say(world.mia, world.lounge, "again"))
        await count("a stranger's message, to the mute", 16, lambda: simulator.say(world.sam, world.lounge, "hello"))
        prompt = next(message for message in reversed(simulator.messages(world.lounge)) if message.buttons)
        await count("a press too early", 5, lambda: simulator.press(world.sam, world.lounge, prompt.id, "v"))
        await count("the join that frees", 12, lambda: simulator.join(world.sam, world.news))
        await count("leaving the channel, to the mute", 16, lambda: simulator.leave(world.sam, world.news))
    return found


@asynccontextmanager
async def _instance(simulator: Simulator, world: DemoWorld, database_url: str, redis_url: str) -> AsyncIterator[None]:
    async with simulator.serving(port=0):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            environment = {
                "BOT_TOKEN": world.bot.token,
                "TELEGRAM_API_URL": simulator.url,
                "WEBHOOK_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "ENCRYPTION_KEY": new_key(),
            }
            settings = Settings.from_env(environment)
            async with running(settings, Mode(polling=False)) as site, serving(site, listener):
                yield


async def _protected(simulator: Simulator, world: DemoWorld, connection: Connection, clock: SystemClock) -> None:
    deadline = clock.monotonic() + _SETTLE_SECONDS
    while not simulator.calls_of("setWebhook") and clock.monotonic() < deadline:
        await clock.sleep(0.02)
    simulator.say(world.adam, world.lounge, "/protect @gm_news")
    while not await connection.fetchval("SELECT EXISTS (SELECT FROM protected_groups)"):
        if clock.monotonic() > deadline:
            raise TimeoutError("the group is not protected")
        await clock.sleep(0.02)
    await _settled(simulator, connection, clock)


async def _settled(simulator: Simulator, connection: Connection, clock: SystemClock) -> None:
    """Wait until updates are acknowledged and cases rest."""
    await simulator.settled()
    deadline = clock.monotonic() + _SETTLE_SECONDS
    await clock.sleep(0.3)
    while await connection.fetchval(
        "SELECT EXISTS (SELECT FROM restrictions WHERE closed_at IS NULL"
        " AND (due_at < now() + interval '1 hour' OR lease_owner IS NOT NULL))"
    ):
        if clock.monotonic() > deadline:
            raise TimeoutError("the cases do not come to rest")
        await clock.sleep(0.02)
