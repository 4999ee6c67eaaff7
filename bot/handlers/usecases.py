"""What handlers may call."""

from dataclasses import dataclass

from bot.services.access import Access
from bot.services.admission import Doorkeeper
from bot.services.authority import Authority
from bot.services.ban_ports import Bans
from bot.services.channels import Channels
from bot.services.clinic import Clinic
from bot.services.directory import Directory
from bot.services.events import MemberEvents
from bot.services.guard import Guard
from bot.services.onboarding import Onboarding
from bot.services.outage_ports import Backlog
from bot.services.policies import Policies
from bot.services.ports import CaseReader, Clock, Presses, TelegramChats, Texts
from bot.services.privacy import Privacy
from bot.services.prompt_ports import EphemeralMessages
from bot.services.rights import OwnRights
from bot.services.setup import Setup
from bot.services.statistics import Statistics
from bot.services.tidying import Tidying
from bot.services.verification import Verification


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
