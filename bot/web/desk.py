"""Everything the console and the API may ask for and do."""

from dataclasses import dataclass

from bot.services.operating.bots import BotDesk, LetterDesk
from bot.services.operating.groups import GroupDesk
from bot.services.operating.jobs import Warmings
from bot.services.operating.lists import Lookup
from bot.services.operating.owners import OwnerDesk


@dataclass(frozen=True, slots=True)
class Desk:
    """The use cases of operators."""

    lookup: Lookup
    groups: GroupDesk
    bots: BotDesk
    owners: OwnerDesk
    letters: LetterDesk
    warmings: Warmings
