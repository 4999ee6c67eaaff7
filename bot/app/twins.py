"""Twin databases, joined to a deployment."""

from urllib.parse import urlsplit

from bot.app.world import World
from bot.core.settings import Settings
from bot.core.stores import Stores
from bot.core.twin.linking import Side, Twins
from bot.core.twin.watching import TwinWatch
from bot.domain.errors import SettingsError


def twins_of(settings: Settings, *, reach_here: str | None = None, reach_there: str | None = None) -> Twins:
    """Return the two databases of the settings; each may be reached from the other server at another place.

    Raises SettingsError.
    """
    if settings.database_url is None or settings.twin_database_url is None:
        raise SettingsError("DATABASE_URL and TWIN_DATABASE_URL must be set to the two databases")
    here, there = settings.database_url.get_secret_value(), settings.twin_database_url.get_secret_value()
    return Twins(
        Side("here", here, _reached(here, reach_here)),
        Side("there", there, _reached(there, reach_there)),
    )


def watch_twin(world: World, stores: Stores) -> None:
    """Show how the database gets on with its twin, if it has one."""
    if world.settings.twin_database_url is None:
        return
    watch = TwinWatch(database_url=stores.database_url, clock=world.clock)
    world.tasks.keep(watch.run, name="twin")
    gauge = world.metrics.gauge
    gauge("gmbot_twin_connected", "1 while both databases hear each other.", lambda: watch.connected)
    gauge("gmbot_twin_conflicts", "Changes that met one that their maker did not know.", lambda: watch.conflicts)
    text = "When this database last heard the other one."
    gauge("gmbot_twin_heard_timestamp_seconds", text, lambda: watch.heard_at)


def _reached(url: str, place: str | None) -> str:
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{place or host}").geturl()
