"""What an instance does all the time, beside answering updates."""

from collections.abc import Awaitable, Callable
from functools import partial

from bot.app.kept import Kept
from bot.app.services import Services
from bot.app.world import World
from bot.core.postgres.retention import Periods, Retention
from bot.core.repositories.actions import ScheduledActions
from bot.core.repositories.api import ApiAnswers
from bot.core.repositories.channel_requests import ChannelRequests
from bot.core.repositories.letters import LetterStore
from bot.core.repositories.reviews import ReviewStore
from bot.core.repositories.set_ups import SetUpStore
from bot.core.repositories.updates import UpdateStore
from bot.ingress.receiver import Receiver
from bot.services.groups.rights import OwnRights
from bot.services.hosting.menus import MenuKeeper
from bot.services.hosting.roster import Roster
from bot.services.upkeep.actions import Actions
from bot.services.upkeep.housekeeping import Housekeeping
from bot.services.upkeep.reconciliation import Reconciliation
from bot.services.upkeep.replays import Replays


def keep_working(
    world: World, services: Services, kept: Kept, roster: Roster, receiver: Receiver, inbox: UpdateStore
) -> None:
    """Start the work; each piece goes on until the application closes."""
    house = _house(world, inbox)
    for name, work in (
        ("protection", services.protection.run),
        ("directory", services.use.directory.run),
        ("activity", services.activity.run),
        ("renewal", services.renewal.run),
        ("actions", _actions(world).run),
        ("door", services.door.run),
        ("crowds", services.crowds.run),
        ("reconciliation", _reconciliation(world, services).run),
        ("outages", world.database.watch),
        ("reminders", services.reminding.run),
        ("copies", kept.copies.run),
        ("copying anew", kept.copying_anew.run),
        (
            "catching up",
            partial(kept.catching_up.run, services.use.directory.refresh, receiver.replay, receiver.give_up),
        ),
        ("replays", _replays(world, receiver, roster).run),
        ("roster", roster.run),
        ("tokens", partial(world.watch.run, roster, world.telegram.desk)),
        ("heartbeat", house.beat),
        ("housekeeping", house.sweep),
    ):
        world.tasks.keep(work, name=name)
    if world.settings.bot_menu:
        world.tasks.keep(_menus(world, services, roster).run, name="menus")
    world.tasks.at_end(services.protection.drain)
    world.tasks.at_end(services.activity.finish)


def _house(world: World, inbox: UpdateStore) -> Housekeeping:
    return Housekeeping(
        instances=world.heartbeat,
        chores=(
            inbox.forget,
            world.heartbeat.forget,
            SetUpStore(database=world.database).forget,
            ApiAnswers(database=world.database).forget,
            ChannelRequests(database=world.database).forget,
            *_retention(world),
        ),
        clock=world.clock,
    )


def _actions(world: World) -> Actions:
    return Actions(
        store=ScheduledActions(database=world.database, instance=world.heartbeat.instance_id),
        telegram=world.telegram.for_work,
        ephemeral=world.telegram.newer_for_work,
        clock=world.clock,
    )


def _reconciliation(world: World, services: Services) -> Reconciliation:
    use = services.use
    rights = OwnRights(
        directory=use.directory,
        groups=services.groups,
        ledger=use.ledger,
        telegram=world.telegram.for_bulk,
        texts=use.texts,
        wake=services.protection.wake,
    )
    return Reconciliation(
        reviews=ReviewStore(database=world.database),
        rights=rights.changed,
        directory=use.directory,
        leader=world.leader,
        clock=world.clock,
    )


def _menus(world: World, services: Services, roster: Roster) -> MenuKeeper:
    return MenuKeeper(
        profile=world.telegram.profile,
        notes=world.bots,
        leader=world.leader,
        texts=services.use.texts,
        clock=world.clock,
        served=roster.served,
    )


def _retention(world: World) -> tuple[Callable[[], Awaitable[None]], ...]:
    settings = world.settings
    periods = Periods(
        events=settings.event_retention_days,
        cases=settings.case_retention_days,
        audit=settings.audit_retention_days,
        members=settings.member_retention_days,
        letters=settings.letter_retention_days,
    )
    retention = Retention(database=world.database, periods=periods)
    return retention.events, retention.figures, retention.cases, retention.audit, retention.members, retention.letters


def _replays(world: World, receiver: Receiver, roster: Roster) -> Replays:
    letters = LetterStore(database=world.database)
    replays = Replays(letters=letters, receive=receiver.replay, bots=roster.served, clock=world.clock)
    gauge = world.metrics.gauge
    gauge("gmbot_dead_letters", "Updates given up, for a person to decide on.", lambda: replays.count.updates)
    gauge("gmbot_dead_actions", "Actions given up, for a person to decide on.", lambda: replays.count.actions)
    return replays
