"""What outlasts an outage of PostgreSQL: kept updates, copies of open cases, and who makes it all good."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.app.world import World
from bot.core.redis.kept_updates import RedisBacklog
from bot.core.repositories.case_copies import CaseCopies
from bot.core.repositories.copying_anew import CopyingAnew
from bot.domain.ids import BotId
from bot.services.outages.catching_up import CatchingUp

# A command is a hundred times as dear as a stranger's first message, and a hundred times as rare.
_MOST_COMMANDS = 1_000
_MOST_STRANGERS = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What waits for PostgreSQL, what makes it good, and the copies that bridge the time."""

    commands: RedisBacklog
    strangers: RedisBacklog
    copies: CaseCopies
    copying_anew: CopyingAnew
    catching_up: CatchingUp

    @property
    def own(self) -> int:
        """How many updates of this process wait."""
        return self.commands.own + self.strangers.own


def keep_for_later(world: World, bots: Collection[BotId]) -> Kept:
    """Build what outlasts an outage. `bots` are those that are served here."""
    commands = RedisBacklog(redis=world.redis, name="commands", most=_MOST_COMMANDS)
    strangers = RedisBacklog(redis=world.redis, name="strangers", most=_MOST_STRANGERS)
    copies = CaseCopies(redis=world.redis, clock=world.clock)
    return Kept(
        commands=commands,
        strangers=strangers,
        copies=copies,
        copying_anew=CopyingAnew(redis=world.redis, database=world.database, copies=copies, clock=world.clock),
        catching_up=CatchingUp(
            outage=world.database, commands=commands, strangers=strangers, bots=bots, clock=world.clock
        ),
    )
