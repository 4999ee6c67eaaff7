"""The outside world of an instance, opened in order and closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version

from redis.asyncio import Redis

from bot.core.clock import SystemClock
from bot.core.crypto import Vault
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.leader import Leadership
from bot.core.postgres.primary import PrimaryWatch
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.repositories.bots import BotStore
from bot.core.repositories.instances import Heartbeat
from bot.core.settings import Settings
from bot.core.stores import Stores
from bot.core.tasks import Tasks, background_tasks
from bot.core.telegram.demand import Limits
from bot.core.telegram.opening import Telegram, open_telegram
from bot.core.telemetry.build import describe_build
from bot.core.telemetry.metrics import Metrics
from bot.domain.errors import StoreUnavailableError
from bot.domain.hosting import bot_id_of
from bot.domain.secret import Secret
from bot.services.hosting.token_watch import TokenWatch


@dataclass(frozen=True, slots=True)
class World:
    """The outside world, opened."""

    settings: Settings
    clock: SystemClock
    metrics: Metrics
    database: Database
    database_url: str
    redis: Redis
    heartbeat: Heartbeat
    bots: BotStore
    watch: TokenWatch
    leader: Leadership
    telegram: Telegram
    tasks: Tasks


@asynccontextmanager
async def opened(settings: Settings, stores: Stores) -> AsyncIterator[World]:
    """Open stores, the way to Telegram and background work for the time of the block."""
    clock, release = SystemClock(), version("gmbot")
    metrics = Metrics(build=describe_build())
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(
                stores.database_url,
                pool_size=settings.db_pool_size,
                statements=load_statements(),
                observe=metrics.queried,
            )
        )
        redis = await stack.enter_async_context(open_redis(stores.redis_url))
        heartbeat = Heartbeat(database=database, version=release)
        bots = BotStore(database=database, vault=Vault(stores.encryption_key, stores.former_key))
        await heartbeat.beat()
        stack.push_async_callback(_leave, heartbeat)
        if settings.bot_token is not None:
            token = Secret(settings.bot_token.get_secret_value())
            await bots.take_over(bot_id_of(token), token)
        watch = TokenWatch(rows=bots, clock=clock)
        telegram = await stack.enter_async_context(
            open_telegram(
                api_url=settings.telegram_api_url,
                limits=limits_of(settings),
                redis=redis,
                instances=heartbeat.live,
                clock=clock,
                token_refused=watch.refused,
            )
        )
        leader = Leadership(database_url=stores.database_url, clock=clock)
        stack.callback(leader.close)
        tasks = await stack.enter_async_context(background_tasks(clock))
        if stores.keep_running is not None:
            tasks.keep(stores.keep_running, name="embedded servers")
        primary = PrimaryWatch(database=database, clock=clock)
        metrics.include(primary)
        tasks.keep(primary.run, name="primary")
        yield World(
            settings=settings,
            clock=clock,
            metrics=metrics,
            database=database,
            database_url=stores.database_url,
            redis=redis,
            heartbeat=heartbeat,
            bots=bots,
            watch=watch,
            leader=leader,
            telegram=telegram,
            tasks=tasks,
        )


def given_secret(settings: Settings) -> Secret | None:
    """Return the webhook secret that counts for all bots, if there is one."""
    given = settings.webhook_secret
    return None if given is None else Secret(given.get_secret_value())


async def _leave(heartbeat: Heartbeat) -> None:
    with suppress(StoreUnavailableError):
        await heartbeat.leave()


def limits_of(settings: Settings) -> Limits:
    """Return the budgets of a bot."""
    return Limits(
        per_second=settings.rate_limit_global,
        per_chat=settings.rate_limit_per_chat,
        bulk=settings.rate_limit_bulk,
    )
