"""What runs while PostgreSQL is away: the same handlers, over services that do without it."""

from dataclasses import replace

from bot.app.kept import Kept
from bot.app.services import Services
from bot.app.world import World
from bot.core.repositories.channel_uses import PostgresChannels
from bot.core.repositories.groups import PostgresGroups
from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId
from bot.handlers import UseCases
from bot.services.gate.events import MemberEvents
from bot.services.gate.overwritten import Overwritten
from bot.services.groups.channels import Channels
from bot.services.groups.links import InviteLinks
from bot.services.groups.policies import Policies
from bot.services.groups.rights import OwnRights
from bot.services.groups.setup import Setup
from bot.services.outages.copied_cases import CopiedCases
from bot.services.outages.without_ledger import WithoutLedger


def without_postgresql(world: World, services: Services, kept: Kept) -> tuple[UseCases, WithoutLedger]:
    """Build the use cases for the time of an outage, and what acts on their intents."""
    use, working, presses = services.use, world.telegram.for_work, world.telegram.for_presses
    cases = CopiedCases(copies=kept.copies, directory=use.directory, telegram=working)
    groups = PostgresGroups(database=world.database, turn=_never)
    events = MemberEvents(
        directory=use.directory,
        activity=services.activity,
        cache=services.answers,
        ledger=cases,
        doorkeeper=use.doorkeeper,
        overwritten=Overwritten(ledger=cases, telegram=working, clock=world.clock),
    )
    rights = OwnRights(
        directory=use.directory,
        groups=groups,
        ledger=cases,
        telegram=presses,
        texts=use.texts,
        wake=lambda *_: None,
    )
    policies = Policies(
        directory=use.directory,
        groups=groups,
        clock=world.clock,
        wake=lambda *_: None,
        poke=services.answers.publish_config,
    )
    channels = Channels(
        directory=use.directory,
        store=PostgresChannels(database=world.database, turn=_never),
        telegram=presses,
        texts=use.texts,
        wake=lambda *_: None,
        poke=services.answers.publish_config,
    )
    links = InviteLinks(telegram=presses, groups=groups, directory=use.directory, poke=services.answers.publish_config)
    setup = Setup(
        directory=use.directory,
        groups=groups,
        ledger=cases,
        telegram=presses,
        channels=channels,
        links=links,
        wake=lambda *_: None,
        poke=services.answers.publish_config,
    )
    without_ledger = WithoutLedger(
        directory=use.directory,
        copies=kept.copies,
        strangers=kept.strangers,
        verification=services.verification,
        reminding=services.reminding,
        telegram=working,
        clock=world.clock,
        journal=world.metrics,
    )
    meanwhile = replace(
        use,
        events=events,
        rights=rights,
        policies=policies,
        setup=setup,
        channels=channels,
        ledger=cases,
        commands=kept.commands,
    )
    return meanwhile, without_ledger


async def _never(_: BotId) -> None:
    """Let no configuration be written outside its turn, not even when PostgreSQL comes back at this moment."""
    raise StoreUnavailableError("PostgreSQL is away")
