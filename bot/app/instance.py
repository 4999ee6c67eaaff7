"""One instance: settings in, a running application out, closed in reverse."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from telegram import Bot

from bot.app.backups import back_up_on_schedule, backups_of, before_migration
from bot.app.fleet import Fleet
from bot.app.kept import Kept, keep_for_later
from bot.app.outage import without_postgresql
from bot.app.services import Services, join_services
from bot.app.twins import watch_twin
from bot.app.warming import make_warmer, warm_on_schedule
from bot.app.web import join_access, join_web
from bot.app.work import keep_working
from bot.app.world import World, given_secret, opened
from bot.core.postgres.migrations import ensure_schema
from bot.core.redis.membership_cache import Subscription
from bot.core.repositories.updates import UpdateStore
from bot.core.settings import Settings
from bot.core.stores import open_stores
from bot.core.telegram.client import TelegramClient
from bot.core.telemetry.traces import update_span
from bot.domain.errors import SettingsError
from bot.domain.hosting import BOT_DISABLED
from bot.domain.ids import BotId
from bot.handlers import UseCases, build_dispatcher
from bot.ingress.gate import Gate
from bot.ingress.pollers import Pollers
from bot.ingress.polling import Poller
from bot.ingress.receiver import Dispatch, Receiver
from bot.ingress.site import Site
from bot.ingress.stopgap import OutageHandling
from bot.ingress.webhook import Webhook
from bot.services.groups.rights import CHANNEL_LOST, RIGHTS_LOST
from bot.services.hosting.roster import STATES, Roster
from bot.services.hosting.token_watch import check_bots
from bot.services.hosting.webhooks import WebhookKeeper
from bot.services.membership.warmer import Warmer
from bot.services.outages.health import Health
from bot.services.ports.upkeep import BackupRoom


@dataclass(frozen=True, slots=True)
class Mode:
    """How updates come in."""

    polling: bool
    take_over: bool = False
    """Polling may remove a webhook that is set."""


@asynccontextmanager
async def running(settings: Settings, mode: Mode) -> AsyncIterator[Site]:
    """Run one instance and yield what it serves.

    Raises SettingsError, StoreUnavailableError, EmbeddedUnavailableError or a schema error when it cannot start.
    """
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        await ensure_schema(
            stores.database_url,
            migrate=settings.migrate_on_start,
            before=partial(before_migration, settings, stores),
        )
        world = await stack.enter_async_context(opened(settings, stores))
        back_up_on_schedule(world, stores)
        watch_twin(world, stores)
        yield await _wire(world, mode, None if settings.backup_place is None else backups_of(settings, stores))


async def _wire(world: World, mode: Mode, room: BackupRoom | None) -> Site:
    """Start an instance's work, and return what it serves."""
    clock, metrics, telegram = world.clock, world.metrics, world.telegram.for_presses
    dispatchers: dict[BotId, Dispatch] = {}
    standby: dict[BotId, Dispatch] = {}
    kept, access = keep_for_later(world, dispatchers.keys()), join_access(world)
    instance, services = world.heartbeat.instance_id, await join_services(world, kept, access)
    use, protection, directory = services.use, services.protection, services.use.directory
    inbox = UpdateStore(database=world.database, instance=instance)
    use_meanwhile, without_ledger = without_postgresql(world, services, kept)
    secrets: dict[BotId, Sequence[bytes]] = {}
    receiver = Receiver(
        gate=Gate(groups=directory, memory=services.answers, sightings=services.activity),
        inbox=inbox,
        dispatchers=dispatchers,
        stopgap=OutageHandling(outage=world.database, dispatchers=standby, without_ledger=without_ledger),
        wake=protection.wake,
        counter=metrics,
        monotonic=clock.monotonic,
        trace=update_span,
    )
    intake = _intake(world, mode, telegram, receiver)
    warmer = partial(make_warmer, world, directory, services.answers)
    handlers = partial(_handlers, telegram, warmer)
    fleet = Fleet(
        clients=world.telegram.bots,
        builds=((dispatchers, partial(handlers, use)), (standby, partial(handlers, use_meanwhile))),
        intake=intake,
        secrets=secrets,
        secret=given_secret(world.settings),
    )
    roster = Roster(rows=world.bots, crew=fleet, removed=directory.forget)
    await roster.refresh()
    _refuse_another_key(roster)

    def changed() -> None:
        directory.poke()
        roster.poke()

    subscription = Subscription(redis=world.redis, answers=services.answers, clock=clock, on_config=changed)
    keep_working(world, services, kept, roster, receiver, inbox)
    world.tasks.keep(subscription.run, name="subscription")
    warm_on_schedule(world, lambda: [warmer(bot) for bot in roster.served()])
    _show(world, services, roster, kept)
    _show_intake(world, intake, subscription)
    health = Health(
        vital={"postgres": world.database.check},
        useful={
            "redis": subscription.check,
            "bots": partial(check_bots, roster),
            "polling" if mode.polling else "webhooks": intake.check,
        },
        clock=clock,
    )
    return Site(
        webhook=Webhook(receiver=receiver, secrets=secrets),
        health=health,
        metrics=metrics.exposition,
        pages=join_web(world, services, access, health, warmer, room),
        instance=str(instance),
    )


def _handlers(
    telegram: TelegramClient, warmer: Callable[[BotId], Warmer], use: UseCases, bot: BotId, client: Bot
) -> Dispatch:
    """Make the handlers of one bot."""
    return build_dispatcher(client, use, partial(telegram.introduce, bot), warmer(bot))


def _show(world: World, services: Services, roster: Roster, kept: Kept) -> None:
    """Show how things stand to whoever measures."""
    gauge, protection = world.metrics.gauge, services.protection
    gauge("gmbot_protected_groups", "Groups that are protected.", services.use.directory.count)
    gauge("gmbot_l1_entries", "Memberships remembered in this process.", services.local.__len__)
    for state in STATES:
        gauge("gmbot_bots", "Bots by their state.", partial(roster.count, state), state=state)
    for reason in (CHANNEL_LOST, RIGHTS_LOST, BOT_DISABLED):
        count = partial(services.use.directory.count_paused, reason)
        gauge("gmbot_groups_misconfigured", "Protected groups that are not gated.", count, reason=reason)
    for state, place in (("used", 0), ("idle", 1)):
        read = partial(lambda place: world.database.connections()[place], place)
        gauge("gmbot_db_pool_connections", "Connections to PostgreSQL.", read, state=state)
    gauge("gmbot_instances", "Instances that live, as this one sees it.", world.heartbeat.live)
    for queue, waiting in (("cases", lambda: protection.backlog), ("updates_kept", lambda: kept.own)):
        gauge("gmbot_queue_depth", "What waits in this process.", waiting, queue=queue)
    gauge("gmbot_database_away", "Whether PostgreSQL does not answer.", lambda: int(world.database.away))


def _show_intake(world: World, intake: WebhookKeeper | Pollers, subscription: Subscription) -> None:
    gauge = world.metrics.gauge
    gauge("gmbot_redis_connected", "1 while other instances are heard.", lambda: int(subscription.connected))
    if isinstance(intake, WebhookKeeper):
        world.tasks.keep(intake.watch, name="webhooks")
        gauge("gmbot_webhook_pending_updates", "Updates that wait at Telegram.", lambda: intake.waiting)
        text = "When Telegram last failed to deliver."
        gauge("gmbot_webhook_last_error_timestamp_seconds", text, lambda: intake.failed_at)


def _intake(world: World, mode: Mode, telegram: TelegramClient, receiver: Receiver) -> WebhookKeeper | Pollers:
    """Make what brings updates in, bot by bot."""
    if mode.polling:
        return Pollers(
            make=lambda bot: Poller(
                bot=bot,
                source=telegram,
                webhooks=telegram,
                receiver=receiver,
                leader=world.leader,
                clock=world.clock,
                take_over=mode.take_over,
            ),
            starter=world.tasks,
        )
    return WebhookKeeper(
        telegram=telegram,
        notes=world.bots,
        leader=world.leader,
        clock=world.clock,
        starter=world.tasks,
        base_url=world.settings.webhook_url or "",
        secret=given_secret(world.settings),
    )


def _refuse_another_key(roster: Roster) -> None:
    """Refuse to start when no bot can be opened: then the key is wrong, and not a bot."""
    if roster.bots and all(bot.token is None for bot in roster.bots.values()):
        raise SettingsError(
            "ENCRYPTION_KEY does not fit the tokens in the database; set the key that they were sealed with"
        )
