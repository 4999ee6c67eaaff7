"""The use cases of handlers over a world of fakes."""

from bot.core.charts import draw_days
from bot.core.telegram.bans import Bans
from bot.handlers import UseCases
from bot.services.gate.guard import Guard
from bot.services.groups.authority import Authority
from bot.services.groups.clinic import Clinic
from bot.services.groups.onboarding import Onboarding
from bot.services.groups.statistics import Statistics
from bot.services.operating.access import Access
from bot.services.operating.privacy import Privacy
from bot.services.upkeep.tidying import Tidying
from tests.fakes.access import FakeOwners, FakeShelf
from tests.fakes.ports import FakeBroom, FakeFigures, FakeSetUps, NobodysKeys, NobodysRows
from tests.kits.world import World


def use_cases(world: World) -> UseCases:
    """Return what handlers may call."""
    return UseCases(
        directory=world.directory,
        doorkeeper=world.doorkeeper,
        events=world.events,
        rights=world.rights,
        policies=world.policies,
        privacy=Privacy(rows=NobodysRows(), keys=NobodysKeys(), clock=world.clock, poke=world.poke),
        authority=Authority(telegram=world.telegram, clock=world.clock),
        setup=world.setup,
        access=Access(
            shelf=FakeShelf(), owners=FakeOwners(), operators=frozenset(), base_url="http://here", clock=world.clock
        ),
        statistics=Statistics(figures=FakeFigures(), ledger=world.ledger, draw=draw_days),
        clinic=Clinic(telegram=world.telegram, links=world.links),
        tidying=Tidying(broom=FakeBroom(), directory=world.directory),
        onboarding=Onboarding(
            setup=world.setup, directory=world.directory, set_ups=FakeSetUps(), telegram=world.telegram
        ),
        channels=world.channels,
        verification=world.verification,
        sparing=world.sparing,
        ledger=world.ledger,
        telegram=world.telegram,
        presses=world.telegram,
        ephemeral=world.telegram,
        guard=Guard(directory=world.directory, judgement=world.judgement, telegram=world.telegram),
        texts=world.texts,
        bans=Bans(),
        clock=world.clock,
    )
