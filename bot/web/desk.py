"""Everything the console and the API may ask for and do."""

from dataclasses import dataclass

from bot.services.operating import Lookup
from bot.services.operating_bots import BotDesk, LetterDesk
from bot.services.operating_groups import GroupDesk
from bot.services.operating_jobs import Warmings


@dataclass(frozen=True, slots=True)
class Desk:
    """The use cases of operators."""

    lookup: Lookup
    groups: GroupDesk
    bots: BotDesk
    letters: LetterDesk
    warmings: Warmings
