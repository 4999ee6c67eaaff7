"""What handlers may call."""

from dataclasses import dataclass

from bot.services.gate.admission import Doorkeeper
from bot.services.gate.events import MemberEvents
from bot.services.gate.guard import Guard
from bot.services.gate.sparing import Sparing
from bot.services.groups.authority import Authority
from bot.services.groups.channels import Channels
from bot.services.groups.clinic import Clinic
from bot.services.groups.directory import Directory
from bot.services.groups.onboarding import Onboarding
from bot.services.groups.policies import Policies
from bot.services.groups.rights import OwnRights
from bot.services.groups.setup import Setup
from bot.services.groups.statistics import Statistics
from bot.services.membership.verification import Verification
from bot.services.operating.access import Access
from bot.services.operating.privacy import Privacy
from bot.services.ports.ledger import CaseReader
from bot.services.ports.outages import Backlog
from bot.services.ports.prompts import Bans, EphemeralMessages
from bot.services.ports.runtime import Clock, Texts
from bot.services.ports.telegram import Presses, TelegramChats
from bot.services.upkeep.tidying import Tidying


@dataclass(frozen=True, slots=True)
class UseCases:
    """The services, as handlers see them."""

    directory: Directory
    doorkeeper: Doorkeeper
    events: MemberEvents
    rights: OwnRights
    policies: Policies
    privacy: Privacy
    authority: Authority
    setup: Setup
    access: Access
    statistics: Statistics
    clinic: Clinic
    tidying: Tidying
    onboarding: Onboarding
    channels: Channels
    verification: Verification
    sparing: Sparing
    ledger: CaseReader
    telegram: TelegramChats
    presses: Presses
    ephemeral: EphemeralMessages
    guard: Guard
    texts: Texts
    bans: Bans
    clock: Clock
    commands: Backlog | None = None
    """Where commands wait that cannot be carried out: while PostgreSQL is away."""
