"""Real PostgreSQL and Valkey from wheels, with neither docker nor root."""

from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.home import default_home, ensure_home
from bot.core.embedded.servers import EmbeddedServers, embedded_servers, stop_abandoned

__all__ = [
    "EmbeddedServers",
    "EmbeddedUnavailableError",
    "default_home",
    "embedded_servers",
    "ensure_home",
    "stop_abandoned",
]
