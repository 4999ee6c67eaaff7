"""Where an instance's state is: the operator's own servers, or embedded ones below the home."""

import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.core.crypto import new_key
from bot.core.settings import Settings
from bot.domain.errors import SettingsError

_KEY_FILE = "encryption.key"


@dataclass(frozen=True, slots=True)
class Stores:
    """How to reach the state, and the key that seals its secrets."""

    database_url: str
    redis_url: str
    encryption_key: str
    keep_running: Callable[[], Coroutine[object, object, None]] | None = None
    """Restarts embedded servers that die; None for the operator's own, which are the operator's to watch."""


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Name the operator's servers, or run embedded ones for the time of the block.

    Raises SettingsError without a key, EmbeddedUnavailableError where no embedded server can run.
    """
    if settings.database_url is not None and settings.redis_url is not None:
        if settings.encryption_key is None:
            raise SettingsError("ENCRYPTION_KEY must be set beside DATABASE_URL")
        yield Stores(
            settings.database_url.get_secret_value(),
            settings.redis_url.get_secret_value(),
            settings.encryption_key.get_secret_value(),
        )
        return
    from bot.core.embedded import embedded_servers  # noqa: PLC0415 - not with servers of one's own

    if settings.gmbot_home is None:
        raise SettingsError("GMBOT_HOME must be set to run embedded servers")
    async with embedded_servers(home=settings.gmbot_home) as servers:
        given = settings.encryption_key
        key = given.get_secret_value() if given is not None else _own_key(settings.gmbot_home)
        yield Stores(servers.database_url, servers.redis_url, key, servers.keep_running)


def _own_key(home: Path) -> str:
    """Return the home's key, made on first use: several instances that start at once agree on one."""
    path = home / _KEY_FILE
    if not path.exists():
        fresh = home / f".{_KEY_FILE}.{secrets.token_hex(4)}"
        fresh.touch(mode=0o600)
        fresh.write_text(new_key(), encoding="ascii")
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="ascii").strip()
