"""The services of an instance, joined to infrastructure. Here mypy proves that every adapter fits its port."""

from dataclasses import dataclass

from redis.asyncio import Redis

from bot.app.kept import Kept
from bot.app.world import World
from bot.core.cache import LocalCache
from bot.core.charts import draw_days
from bot.core.clock import SystemClock
from bot.core.redis.membership_cache import MembershipAnswers
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
from bot.core.texts import load_catalogs
from bot.handlers import UseCases
from bot.services.gate.admission import Doorkeeper
from bot.services.gate.crowds import SharedPrompts
from bot.services.gate.door import Door
from bot.services.gate.events import MemberEvents
from bot.services.gate.guard import Guard
from bot.services.gate.preparations import Preparations
from bot.services.gate.prompter import Prompter
from bot.services.gate.protection import Protection
from bot.services.gate.shift import Shift
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


async def join_services(world: World, kept: Kept, access: Access) -> Services:
    """Build the services on the opened world."""
    settings, clock, metrics, tasks = world.settings, world.clock, world.metrics, world.tasks
    instance, texts = world.heartbeat.instance_id, load_catalogs()
    answers, local = answers_of(settings, world.redis, clock)
    # Buttons and commands before what follows from joining and speaking.
    telegram, working = world.telegram.for_presses, world.telegram.for_work
    metrics.include(world.telegram.telemetry)
    groups = PostgresGroups(database=world.database, turn=kept.catching_up.turn)
    ledger = CaseStore(database=world.database, instance=instance, copies=kept.copies)
    directory = Directory(store=groups)
    await directory.refresh()
    activity = Activity(store=groups, clock=clock)
    verification = Verification(cache=answers, telegram=working, spawner=tasks, journal=metrics, clock=clock)
    requests = ChannelRequests(database=world.database)
    sparing = Sparing(store=groups, requests=requests, activity=activity, telegram=working, clock=clock)
    prompter = Prompter(
        telegram=working,
        ephemeral=world.telegram.newer_for_work,
        texts=texts,
        bans=world.telegram.bans,
        clock=clock,
    )

    preparations = Preparations(monotonic=clock.monotonic)

    def shift() -> Shift:
        return Shift(
            ledger=ledger,
            telegram=working,
            judgement=Judgement(verification=verification, sparing=sparing),
            directory=directory,
            prompter=prompter,
            preparations=preparations,
            follow=setup.moved,
            clock=clock,
            journal=metrics,
        )

    protection = Protection(ledger=ledger, shifts=shift, clock=clock)
    channels = Channels(
        directory=directory,
        store=PostgresChannels(database=world.database, turn=kept.catching_up.turn),
        telegram=telegram,
        texts=texts,
        wake=protection.wake,
        poke=answers.publish_config,
    )
    links = InviteLinks(telegram=telegram, groups=groups, directory=directory, poke=answers.publish_config)
    setup = Setup(
        directory=directory,
        groups=groups,
        ledger=ledger,
        telegram=telegram,
        channels=channels,
        links=links,
        wake=protection.wake,
        poke=answers.publish_config,
    )
    doorkeeper = Doorkeeper(
        directory=directory,
        activity=activity,
        verification=verification,
        sparing=sparing,
        telegram=working,
        clock=clock,
    )
    asked = Verification(cache=answers, telegram=telegram, spawner=tasks, journal=metrics, clock=clock)
    use = UseCases(
        directory=directory,
        doorkeeper=doorkeeper,
        events=MemberEvents(
            directory=directory, activity=activity, cache=answers, ledger=ledger, doorkeeper=doorkeeper
        ),
        rights=OwnRights(directory=directory, groups=groups, telegram=telegram, texts=texts, wake=protection.wake),
        policies=Policies(
            directory=directory, groups=groups, clock=clock, wake=protection.wake, poke=answers.publish_config
        ),
        privacy=Privacy(
            rows=PersonalRows(database=world.database),
            keys=PersonalKeys(redis=world.redis),
            clock=clock,
            poke=answers.publish_config,
        ),
        authority=Authority(telegram=telegram, clock=clock),
        setup=setup,
        access=access,
        statistics=Statistics(figures=PostgresFigures(database=world.database), ledger=ledger, draw=draw_days),
        clinic=Clinic(telegram=telegram, links=links),
        tidying=Tidying(broom=ScheduledActions(database=world.database, instance=instance), directory=directory),
        onboarding=Onboarding(
            setup=setup, directory=directory, set_ups=SetUpStore(database=world.database), telegram=telegram
        ),
        channels=channels,
        verification=asked,
        sparing=sparing,
        ledger=ledger,
        telegram=telegram,
        presses=telegram,
        ephemeral=world.telegram.newer_for_presses,
        guard=Guard(
            directory=directory,
            judgement=Judgement(verification=asked, sparing=sparing),
            telegram=world.telegram.newer_for_presses,
        ),
        texts=texts,
        bans=world.telegram.bans,
        clock=clock,
    )
    renewal = Renewal(cache=answers, verification=verification, clock=clock)
    return Services(
        use=use,
        groups=groups,
        verification=verification,
        answers=answers,
        local=local,
        activity=activity,
        protection=protection,
        renewal=renewal,
        crowds=SharedPrompts(
            store=PostgresCrowds(database=world.database, instance=instance),
            directory=directory,
            telegram=working,
            texts=texts,
            clock=clock,
        ),
        door=Door(
            store=PostgresKnocks(database=world.database, instance=instance),
            directory=directory,
            judgement=Judgement(verification=verification, sparing=sparing),
            telegram=working,
            texts=texts,
            clock=clock,
        ),
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
