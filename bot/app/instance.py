"""One instance: settings in, a running application out, closed in reverse."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from redis.asyncio import Redis

from bot.core.actions import ScheduledActions
from bot.core.cache import LocalCache
from bot.core.cases import CaseStore
from bot.core.clock import SystemClock
from bot.core.crypto import Vault
from bot.core.database import Database, open_database
from bot.core.groups import PostgresGroups
from bot.core.leader import Leadership
from bot.core.letters import LetterStore
from bot.core.membership_cache import MembershipAnswers, Subscription
from bot.core.metrics import Metrics
from bot.core.migrations import ensure_schema
from bot.core.platform import BotStore, Heartbeat
from bot.core.redis import open_redis
from bot.core.retention import Periods, Retention
from bot.core.reviews import ReviewStore
from bot.core.settings import Settings
from bot.core.statements import load_statements
from bot.core.stores import Stores, open_stores
from bot.core.tasks import Tasks, background_tasks
from bot.core.telegram.bots import bot_id_of
from bot.core.telegram.client import TelegramClient
from bot.core.telegram.demand import Limits
from bot.core.telegram.opening import Telegram, open_telegram
from bot.core.texts import load_catalogs
from bot.core.updates import UpdateStore
from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId
from bot.domain.restriction import Case
from bot.handlers import UseCases, build_dispatcher
from bot.ingress.gate import Gate
from bot.ingress.polling import Poller
from bot.ingress.receiver import Answer, Receiver
from bot.ingress.site import Check, Site
from bot.ingress.webhook import Webhook
from bot.services.actions import Actions
from bot.services.activity import Activity
from bot.services.admission import Doorkeeper
from bot.services.directory import Directory
from bot.services.events import MemberEvents
from bot.services.housekeeping import Housekeeping
from bot.services.ports import Waker
from bot.services.prompter import Prompter
from bot.services.protection import Protection
from bot.services.reconciliation import Reconciliation
from bot.services.renewal import Renewal
from bot.services.replays import Replays
from bot.services.rights import OwnRights
from bot.services.setup import Setup
from bot.services.shift import Shift
from bot.services.verification import Verification
from bot.services.webhooks import WebhookKeeper


@dataclass(frozen=True, slots=True)
class Mode:
    """How updates come in."""

    polling: bool
    take_over: bool = False
    """Polling may remove a webhook that is set."""


@dataclass(frozen=True, slots=True)
class _World:
    """The outside world, opened."""

    settings: Settings
    clock: SystemClock
    metrics: Metrics
    database: Database
    database_url: str
    redis: Redis
    heartbeat: Heartbeat
    bots: BotStore
    tokens: dict[BotId, str]
    secrets: dict[BotId, str]
    telegram: Telegram
    tasks: Tasks


@asynccontextmanager
async def running(settings: Settings, mode: Mode) -> AsyncIterator[Site]:
    """Run one instance and yield what it serves.

    Raises SettingsError, StoreUnavailableError, EmbeddedUnavailableError or a schema error when it cannot start.
    """
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        await ensure_schema(stores.database_url, migrate=settings.migrate_on_start)
        world = await stack.enter_async_context(_opened(settings, stores))
        yield await _wire(world, mode)


@asynccontextmanager
async def _opened(settings: Settings, stores: Stores) -> AsyncIterator[_World]:
    clock, vault, release = SystemClock(), Vault(stores.encryption_key), version("gmbot")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(stores.database_url, pool_size=settings.db_pool_size, statements=load_statements())
        )
        redis = await stack.enter_async_context(open_redis(stores.redis_url))
        heartbeat, bots = Heartbeat(database=database, version=release), BotStore(database=database, vault=vault)
        await heartbeat.beat()
        stack.push_async_callback(_leave, heartbeat)
        if settings.bot_token is not None:
            token = settings.bot_token.get_secret_value()
            await bots.put(bot_id_of(token), "", token)
        tokens = {bot: token for bot, _, token in await bots.enabled()}
        given = settings.webhook_secret
        telegram = await stack.enter_async_context(
            open_telegram(
                tokens,
                api_url=settings.telegram_api_url,
                limits=_limits(settings),
                redis=redis,
                instances=heartbeat.live,
                clock=clock,
            )
        )
        tasks = await stack.enter_async_context(background_tasks(clock))
        if stores.keep_running is not None:
            tasks.keep(stores.keep_running, name="embedded servers")
        yield _World(
            settings=settings,
            clock=clock,
            metrics=Metrics(version=release),
            database=database,
            database_url=stores.database_url,
            redis=redis,
            heartbeat=heartbeat,
            bots=bots,
            tokens=tokens,
            secrets={bot: given.get_secret_value() if given else vault.webhook_secret(bot) for bot in tokens},
            telegram=telegram,
            tasks=tasks,
        )


async def _wire(world: _World, mode: Mode) -> Site:
    """Join services to infrastructure. Here mypy proves that every adapter fits its port."""
    settings, clock, metrics, tasks = world.settings, world.clock, world.metrics, world.tasks
    instance, texts = world.heartbeat.instance_id, load_catalogs()
    local = LocalCache(size=settings.cache_l1_size, monotonic=clock.monotonic, life=settings.cache_positive_ttl)
    answers = MembershipAnswers(
        redis=world.redis,
        local=local,
        clock=clock,
        positive=settings.cache_positive_ttl,
        negative=settings.cache_negative_ttl,
        jitter=settings.cache_jitter_percent,
    )
    # Buttons and commands before what follows from joining and speaking.
    telegram, working = world.telegram.for_presses, world.telegram.for_work
    metrics.include(world.telegram.telemetry)
    groups = PostgresGroups(database=world.database)
    ledger = CaseStore(database=world.database, instance=instance)
    inbox = UpdateStore(database=world.database, instance=instance)
    directory = Directory(store=groups)
    await directory.refresh()
    activity = Activity(store=groups, clock=clock)
    verification = Verification(cache=answers, telegram=working, spawner=tasks, journal=metrics)
    prompter = Prompter(telegram=working, texts=texts, clock=clock)

    def shift(case: Case) -> Shift:
        return Shift(
            case,
            ledger=ledger,
            telegram=working,
            verification=verification,
            directory=directory,
            prompter=prompter,
            follow=setup.moved,
            clock=clock,
            journal=metrics,
        )

    protection = Protection(ledger=ledger, shifts=shift, clock=clock)
    setup = Setup(
        directory=directory,
        groups=groups,
        ledger=ledger,
        telegram=telegram,
        wake=protection.wake,
        poke=answers.publish_config,
    )
    doorkeeper = Doorkeeper(
        directory=directory, activity=activity, verification=verification, telegram=working, clock=clock
    )
    use = UseCases(
        directory=directory,
        doorkeeper=doorkeeper,
        events=MemberEvents(
            directory=directory, activity=activity, cache=answers, ledger=ledger, doorkeeper=doorkeeper
        ),
        rights=OwnRights(directory=directory, groups=groups, telegram=telegram, texts=texts, wake=protection.wake),
        setup=setup,
        verification=Verification(cache=answers, telegram=telegram, spawner=tasks, journal=metrics),
        ledger=ledger,
        telegram=telegram,
        presses=telegram,
        texts=texts,
        clock=clock,
    )
    receiver = Receiver(
        gate=Gate(groups=directory, memory=answers, sightings=activity),
        inbox=inbox,
        dispatchers={
            bot: build_dispatcher(client, use, partial(telegram.introduce, bot))
            for bot, client in world.telegram.bots.items()
        },
        wake=protection.wake,
        counter=metrics,
    )
    subscription = Subscription(redis=world.redis, answers=answers, clock=clock, on_config=directory.poke)
    chores = (inbox.forget, world.heartbeat.forget, *_retention(world))
    house = Housekeeping(instances=world.heartbeat, chores=chores, clock=clock)
    actions = Actions(store=ScheduledActions(database=world.database, instance=instance), telegram=working, clock=clock)
    for name, work in (
        ("protection", protection.run),
        ("directory", directory.run),
        ("activity", activity.run),
        ("subscription", subscription.run),
        ("renewal", Renewal(cache=answers, verification=verification, clock=clock).run),
        ("actions", actions.run),
        ("reconciliation", _reconciliation(world, use, protection.wake).run),
        ("replays", _replays(world, receiver).run),
        ("heartbeat", house.beat),
        ("housekeeping", house.sweep),
    ):
        tasks.keep(work, name=name)
    metrics.gauge("gmbot_protected_groups", "Groups that are protected.", directory.count)
    metrics.gauge("gmbot_l1_entries", "Memberships remembered in this process.", local.__len__)
    metrics.gauge("gmbot_case_backlog", "Cases that wait for a worker in this process.", lambda: protection.backlog)
    return Site(
        webhook=Webhook(receiver=receiver, secrets=world.secrets),
        vital={"postgres": world.database.check},
        useful={"redis": subscription.check, **_updates(world, mode, telegram, receiver)},
        metrics=metrics.exposition,
        clock=clock,
    )


def _reconciliation(world: _World, use: UseCases, wake: Waker) -> Reconciliation:
    rights = OwnRights(
        directory=use.directory,
        groups=PostgresGroups(database=world.database),
        telegram=world.telegram.for_bulk,
        texts=use.texts,
        wake=wake,
    )
    return Reconciliation(
        reviews=ReviewStore(database=world.database),
        rights=rights.changed,
        directory=use.directory,
        leader=Leadership(database_url=world.database_url, clock=world.clock),
        wake=wake,
        clock=world.clock,
    )


def _retention(world: _World) -> tuple[Callable[[], Awaitable[None]], ...]:
    settings = world.settings
    periods = Periods(
        events=settings.event_retention_days,
        cases=settings.case_retention_days,
        audit=settings.audit_retention_days,
        members=settings.member_retention_days,
        letters=settings.letter_retention_days,
    )
    retention = Retention(database=world.database, periods=periods)
    return retention.events, retention.cases, retention.audit, retention.members, retention.letters


def _replays(world: _World, receiver: Receiver) -> Replays:
    async def handled(bot: BotId, body: bytes) -> bool:
        return await receiver.receive(bot, body) is Answer.DONE

    letters = LetterStore(database=world.database)
    replays = Replays(letters=letters, receive=handled, bots=list(world.tokens), clock=world.clock)
    gauge = world.metrics.gauge
    gauge("gmbot_dead_letters", "Updates given up, for a person to decide on.", lambda: replays.count.updates)
    gauge("gmbot_dead_actions", "Actions given up, for a person to decide on.", lambda: replays.count.actions)
    return replays


def _updates(world: _World, mode: Mode, telegram: TelegramClient, receiver: Receiver) -> dict[str, Check]:
    """Start what brings updates in, and return the checks that say whether it does."""
    leader, checks = Leadership(database_url=world.database_url, clock=world.clock), dict[str, Check]()
    if not mode.polling:
        keeper = WebhookKeeper(
            telegram=telegram,
            notes=world.bots,
            leader=leader,
            clock=world.clock,
            base_url=world.settings.webhook_url or "",
            secrets=world.secrets if world.settings.webhook_url else {},
        )
        world.tasks.spawn(keeper.run(), name="webhooks")
        return {"webhooks": keeper.check}
    for bot in world.tokens:
        poller = Poller(
            bot=bot,
            source=telegram,
            webhooks=telegram,
            receiver=receiver,
            leader=leader,
            clock=world.clock,
            take_over=mode.take_over,
        )
        world.tasks.keep(poller.run, name="polling")
        checks[f"polling_{bot}"] = poller.check
    return checks


async def _leave(heartbeat: Heartbeat) -> None:
    with suppress(StoreUnavailableError):
        await heartbeat.leave()


def _limits(settings: Settings) -> Limits:
    return Limits(
        per_second=settings.rate_limit_global,
        per_chat=settings.rate_limit_per_chat,
        bulk=settings.rate_limit_bulk,
    )
