"""The services of an instance, joined to infrastructure. Here mypy proves that every adapter fits its port."""

from dataclasses import dataclass

from redis.asyncio import Redis

from bot.app.kept import Kept
from bot.app.world import World
from bot.core.cache import LocalCache
from bot.core.charts import draw_days
from bot.core.clock import SystemClock
from bot.core.redis.membership_cache import MembershipAnswers
from bot.core.redis.reminders import RedisReminders
from bot.core.repositories.actions import ScheduledActions
from bot.core.repositories.cases import CaseStore
from bot.core.repositories.channel_requests import ChannelRequests
from bot.core.repositories.channel_uses import PostgresChannels
from bot.core.repositories.crowds import PostgresCrowds
from bot.core.repositories.figures import PostgresFigures
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.knocks import PostgresKnocks
from bot.core.repositories.privacy import PersonalKeys, PersonalRows
from bot.core.repositories.set_ups import SetUpStore
from bot.core.settings import Settings
from bot.core.telemetry.traces import case_span, verification_span
from bot.core.texts import Catalogs, load_catalogs
from bot.handlers import UseCases
from bot.services.gate.admission import Doorkeeper
from bot.services.gate.crowds import SharedPrompts
from bot.services.gate.door import Door
from bot.services.gate.events import MemberEvents
from bot.services.gate.guard import Guard
from bot.services.gate.overwritten import Overwritten
from bot.services.gate.preparations import Preparations
from bot.services.gate.prompter import Prompter
from bot.services.gate.protection import Protection
from bot.services.gate.shift import Follow, Shift
from bot.services.gate.sparing import Judgement, Sparing
from bot.services.groups.authority import Authority
from bot.services.groups.channels import Channels
from bot.services.groups.clinic import Clinic
from bot.services.groups.directory import Directory
from bot.services.groups.links import InviteLinks
from bot.services.groups.onboarding import Onboarding
from bot.services.groups.policies import Policies
from bot.services.groups.rights import OwnRights
from bot.services.groups.setup import Setup
from bot.services.groups.statistics import Statistics
from bot.services.membership.activity import Activity
from bot.services.membership.renewal import Renewal
from bot.services.membership.verification import Verification
from bot.services.operating.access import Access
from bot.services.operating.privacy import Privacy
from bot.services.outages.reminding import Reminding
from bot.services.upkeep.tidying import Tidying


@dataclass(frozen=True, slots=True)
class Services:
    """The services, joined to infrastructure."""

    use: UseCases
    groups: PostgresGroups
    verification: Verification
    """What asks for the work that follows from joining and speaking."""
    answers: MembershipAnswers
    local: LocalCache
    activity: Activity
    protection: Protection
    renewal: Renewal
    door: Door
    crowds: SharedPrompts
    reminding: Reminding


@dataclass(frozen=True, slots=True)
class _Base:
    """What most services stand on."""

    texts: Catalogs
    answers: MembershipAnswers
    local: LocalCache
    groups: PostgresGroups
    ledger: CaseStore
    directory: Directory
    activity: Activity
    verification: Verification
    sparing: Sparing

    @property
    def judgement(self) -> Judgement:
        """What stands before everything that is done to somebody."""
        return Judgement(verification=self.verification, sparing=self.sparing)


async def join_services(world: World, kept: Kept, access: Access) -> Services:
    """Build the services on the opened world."""
    clock, telegram, base = world.clock, world.telegram.for_presses, _base(world, kept)
    world.metrics.include(world.telegram.telemetry)
    await base.directory.refresh()
    prompter, preparations = _prompter(world, base), Preparations(monotonic=clock.monotonic)
    protection = Protection(
        ledger=base.ledger,
        shifts=lambda: _shift(world, base, prompter, preparations, setup.moved),
        clock=clock,
        trace=case_span,
    )
    channels = Channels(
        directory=base.directory,
        store=PostgresChannels(database=world.database, turn=kept.catching_up.turn),
        telegram=telegram,
        texts=base.texts,
        wake=protection.wake,
        poke=base.answers.publish_config,
    )
    links = InviteLinks(
        telegram=telegram, groups=base.groups, directory=base.directory, poke=base.answers.publish_config
    )
    setup = Setup(
        directory=base.directory,
        groups=base.groups,
        ledger=base.ledger,
        telegram=telegram,
        channels=channels,
        links=links,
        wake=protection.wake,
        poke=base.answers.publish_config,
    )
    return Services(
        use=_use_cases(world, base, access, protection, setup, channels, links),
        groups=base.groups,
        verification=base.verification,
        answers=base.answers,
        local=base.local,
        activity=base.activity,
        protection=protection,
        renewal=Renewal(cache=base.answers, verification=base.verification, clock=clock),
        crowds=_crowds(world, base),
        reminding=_reminding(world, base),
        door=_door(world, base),
    )


def _base(world: World, kept: Kept) -> _Base:
    # What follows from joining and speaking; buttons and commands go before it.
    clock, working = world.clock, world.telegram.for_work
    answers, local = answers_of(world.settings, world.redis, clock)
    groups = PostgresGroups(database=world.database, turn=kept.catching_up.turn)
    activity = Activity(store=groups, clock=clock)
    return _Base(
        texts=load_catalogs(),
        answers=answers,
        local=local,
        groups=groups,
        ledger=CaseStore(database=world.database, instance=world.heartbeat.instance_id, copies=kept.copies),
        directory=Directory(store=groups),
        activity=activity,
        verification=Verification(
            cache=answers,
            telegram=working,
            first=world.telegram.for_first_questions,
            spawner=world.tasks,
            journal=world.metrics,
            clock=clock,
            trace=verification_span,
        ),
        sparing=Sparing(
            store=groups,
            requests=ChannelRequests(database=world.database),
            activity=activity,
            telegram=working,
            clock=clock,
        ),
    )


def _prompter(world: World, base: _Base) -> Prompter:
    return Prompter(
        telegram=world.telegram.for_work,
        ephemeral=world.telegram.newer_for_work,
        texts=base.texts,
        bans=world.telegram.bans,
        clock=world.clock,
    )


def _shift(world: World, base: _Base, prompter: Prompter, preparations: Preparations, follow: Follow) -> Shift:
    return Shift(
        ledger=base.ledger,
        telegram=world.telegram.for_work,
        judgement=base.judgement,
        directory=base.directory,
        prompter=prompter,
        preparations=preparations,
        follow=follow,
        clock=world.clock,
        journal=world.metrics,
    )


def _crowds(world: World, base: _Base) -> SharedPrompts:
    return SharedPrompts(
        store=PostgresCrowds(database=world.database, instance=world.heartbeat.instance_id),
        directory=base.directory,
        telegram=world.telegram.for_work,
        texts=base.texts,
        clock=world.clock,
    )


def _reminding(world: World, base: _Base) -> Reminding:
    return Reminding(
        store=RedisReminders(redis=world.redis),
        telegram=world.telegram.for_work,
        ephemeral=world.telegram.newer_for_work,
        texts=base.texts,
        outage=world.database,
        clock=world.clock,
        journal=world.metrics,
    )


def _door(world: World, base: _Base) -> Door:
    return Door(
        store=PostgresKnocks(database=world.database, instance=world.heartbeat.instance_id),
        directory=base.directory,
        judgement=base.judgement,
        telegram=world.telegram.for_work,
        texts=base.texts,
        clock=world.clock,
    )


def _use_cases(
    world: World,
    base: _Base,
    access: Access,
    protection: Protection,
    setup: Setup,
    channels: Channels,
    links: InviteLinks,
) -> UseCases:
    clock, telegram, newer = world.clock, world.telegram.for_presses, world.telegram.newer_for_presses
    database, directory, groups = world.database, base.directory, base.groups
    wake, poke, doorkeeper = protection.wake, base.answers.publish_config, _doorkeeper(world, base)
    asked = Verification(
        cache=base.answers,
        telegram=telegram,
        first=telegram,
        spawner=world.tasks,
        journal=world.metrics,
        clock=clock,
        trace=verification_span,
    )
    return UseCases(
        directory=directory,
        doorkeeper=doorkeeper,
        events=MemberEvents(
            directory=directory,
            activity=base.activity,
            cache=base.answers,
            ledger=base.ledger,
            doorkeeper=doorkeeper,
            overwritten=Overwritten(ledger=base.ledger, telegram=world.telegram.for_work, clock=clock),
        ),
        rights=OwnRights(
            directory=directory, groups=groups, ledger=base.ledger, telegram=telegram, texts=base.texts, wake=wake
        ),
        policies=Policies(directory=directory, groups=groups, clock=clock, wake=wake, poke=poke),
        privacy=Privacy(
            rows=PersonalRows(database=database),
            keys=PersonalKeys(redis=world.redis),
            clock=clock,
            poke=poke,
            sightings=base.activity,
        ),
        authority=Authority(telegram=telegram, clock=clock),
        setup=setup,
        access=access,
        statistics=Statistics(figures=PostgresFigures(database=database), ledger=base.ledger, draw=draw_days),
        clinic=Clinic(telegram=telegram, links=links),
        tidying=Tidying(
            broom=ScheduledActions(database=database, instance=world.heartbeat.instance_id), directory=directory
        ),
        onboarding=Onboarding(
            setup=setup, directory=directory, set_ups=SetUpStore(database=database), telegram=telegram
        ),
        channels=channels,
        verification=asked,
        sparing=base.sparing,
        ledger=base.ledger,
        telegram=telegram,
        presses=telegram,
        ephemeral=newer,
        guard=Guard(directory=directory, judgement=Judgement(verification=asked, sparing=base.sparing), telegram=newer),
        texts=base.texts,
        bans=world.telegram.bans,
        clock=clock,
    )


def _doorkeeper(world: World, base: _Base) -> Doorkeeper:
    return Doorkeeper(
        directory=base.directory,
        activity=base.activity,
        verification=base.verification,
        sparing=base.sparing,
        telegram=world.telegram.for_work,
        clock=world.clock,
    )


def answers_of(settings: Settings, redis: "Redis", clock: SystemClock) -> tuple[MembershipAnswers, LocalCache]:
    """Build the memory of memberships: what all instances share, and this process' part of it."""
    life = settings.cache_positive_ttl
    local = LocalCache(size=settings.cache_l1_size, monotonic=clock.monotonic, life=life)
    answers = MembershipAnswers(
        redis=redis,
        local=local,
        clock=clock,
        positive=life,
        negative=settings.cache_negative_ttl,
        jitter=settings.cache_jitter_percent,
    )
    return answers, local
