"""Verification in advance: inside an instance, and by itself for the command that does it beside running instances."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from bot.app.services import answers_of
from bot.app.world import World, limits_of
from bot.core.clock import SystemClock
from bot.core.crypto import Vault
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.migrations import ensure_schema
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import check_redis, open_redis
from bot.core.redis.membership_cache import MembershipAnswers
from bot.core.repositories.bots import BotStore
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.warming import Bookmarks, SeenMembers
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.core.telegram.opening import Telegram, open_telegram
from bot.core.telemetry.build import describe_build
from bot.core.telemetry.metrics import Metrics
from bot.domain.ids import BotId
from bot.services.groups.directory import Directory
from bot.services.hosting.token_watch import TokenWatch
from bot.services.membership.warm_schedule import WarmSchedule
from bot.services.membership.warmer import Warmer

_POOL_SIZE = 2


@dataclass(frozen=True, slots=True)
class Warming:
    """What `gmbot warm` works with."""

    warmers: Mapping[BotId, Warmer]
    directory: Directory


@dataclass(frozen=True, slots=True)
class _Kitchen:
    """What a warmer needs of the world when no instance runs around it."""

    clock: SystemClock
    metrics: Metrics
    database: Database
    redis: Redis
    telegram: Telegram


@asynccontextmanager
async def warming(settings: Settings) -> AsyncIterator[Warming]:
    """Open what verification in advance needs. Running instances find its answers in Redis.

    Raises SettingsError, StoreUnavailableError, NotReadyError without Redis, or a schema error.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        await ensure_schema(stores.database_url, migrate=False)
        database = await stack.enter_async_context(
            open_database(stores.database_url, pool_size=_POOL_SIZE, statements=load_statements())
        )
        redis = await stack.enter_async_context(open_redis(stores.redis_url))
        # Without it nobody would find what is verified here.
        await check_redis(redis)
        rows = BotStore(database=database, vault=Vault(stores.encryption_key, stores.former_key))
        telegram = await stack.enter_async_context(
            open_telegram(
                api_url=settings.telegram_api_url,
                limits=limits_of(settings),
                redis=redis,
                instances=lambda: 1,
                clock=clock,
                token_refused=TokenWatch(rows=rows, clock=clock).refused,
            )
        )
        directory = Directory(store=PostgresGroups(database=database))
        await directory.refresh()
        kitchen = _Kitchen(clock, Metrics(build=describe_build()), database, redis, telegram)
        answers, _ = answers_of(settings, redis, clock)
        warmers = {bot: make_warmer(kitchen, directory, answers, bot) for bot in await _at_work(rows, telegram)}
        yield Warming(warmers, directory)


def make_warmer(world: World | _Kitchen, directory: Directory, answers: MembershipAnswers, bot: BotId) -> Warmer:
    """Build the warmer of one bot."""
    return Warmer(
        bot=bot,
        directory=directory,
        recent=SeenMembers(database=world.database),
        bookmarks=Bookmarks(redis=world.redis),
        cache=answers,
        telegram=world.telegram.for_bulk,
        journal=world.metrics,
        clock=world.clock,
    )


def warm_on_schedule(world: World, warmers: Callable[[], Sequence[Warmer]]) -> None:
    """Start the schedule, if there is one."""
    if world.settings.warm_schedule is not None:
        schedule = WarmSchedule(
            schedule=world.settings.warm_schedule, warmers=warmers, leader=world.leader, clock=world.clock
        )
        world.tasks.keep(schedule.run, name="warming")


async def _at_work(rows: BotStore, telegram: Telegram) -> list[BotId]:
    """Run the bots that work, and name them."""
    _, bots, _ = await rows.changed_since(-1)
    found: list[BotId] = []
    for bot in bots:
        if bot.enabled and bot.token is not None and bot.refused_at is None:
            telegram.bots.put(bot.bot_id, bot.token, resting=False)
            found.append(bot.bot_id)
    return sorted(found)
