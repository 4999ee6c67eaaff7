"""Everything the console and the API may ask for and do."""

from dataclasses import dataclass

from bot.services.operating.backups import BackupDesk
from bot.services.operating.bots import BotDesk, LetterDesk
from bot.services.operating.explaining import Explaining
from bot.services.operating.groups import GroupDesk
from bot.services.operating.installation import Installation
from bot.services.operating.jobs import Jobs
from bot.services.operating.lists import Lookup
from bot.services.operating.log_level import LogLevel
from bot.services.operating.owners import OwnerDesk
from bot.services.operating.warmings import Warmings


@dataclass(frozen=True, slots=True)
class Desk:
    """The use cases of operators."""

    lookup: Lookup
    explaining: Explaining
    groups: GroupDesk
    bots: BotDesk
    owners: OwnerDesk
    letters: LetterDesk
    warmings: Warmings
    backups: BackupDesk
    log_level: LogLevel
    jobs: Jobs
    installation: Installation
