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
_FORMER_FILE = "encryption.key.former"


@dataclass(frozen=True, slots=True)
class Stores:
    """How to reach the state, and the key that seals its secrets."""

    database_url: str
    redis_url: str
    encryption_key: str
    former_key: str | None = None
    """Opens what was sealed before the key was exchanged."""
    keep_running: Callable[[], Coroutine[object, object, None]] | None = None
    """Restarts embedded servers that die; None for the operator's own, which are the operator's to watch."""


@asynccontextmanager
async def open_stores(settings: Settings) -> AsyncIterator[Stores]:
    """Name the operator's servers, or run embedded ones for the time of the block.

    Raises SettingsError without a key, EmbeddedUnavailableError where no embedded server can run.
    """
    former = settings.encryption_key_former.get_secret_value() if settings.encryption_key_former else None
    if settings.database_url is not None and settings.redis_url is not None:
        if settings.encryption_key is None:
            raise SettingsError("ENCRYPTION_KEY must be set beside DATABASE_URL")
        yield Stores(
            settings.database_url.get_secret_value(),
            settings.redis_url.get_secret_value(),
            settings.encryption_key.get_secret_value(),
            former,
        )
        return
    from bot.core.embedded import embedded_servers  # noqa: PLC0415 - not with servers of one's own

    if settings.gmbot_home is None:
        raise SettingsError("GMBOT_HOME must be set to run embedded servers")
    async with embedded_servers(home=settings.gmbot_home) as servers:
        given = settings.encryption_key
        if given is None:
            key, former = _own_key(settings.gmbot_home), former or _former_key(settings.gmbot_home)
        else:
            key = given.get_secret_value()
        yield Stores(servers.database_url, servers.redis_url, key, former, servers.keep_running)


def keys_at_rest(settings: Settings) -> tuple[str, str | None]:
    """Return the key and the former one without making any, for what works while no server runs.

    Raises SettingsError when there is none.
    """
    home, given, former = settings.gmbot_home, settings.encryption_key, settings.encryption_key_former
    if given is not None:
        return given.get_secret_value(), former.get_secret_value() if former else None
    if home is None or not (home / _KEY_FILE).exists():
        raise SettingsError("ENCRYPTION_KEY must be set to the key of the deployment: no backup holds it")
    return _own_key(home), former.get_secret_value() if former else _former_key(home)


def settle_key(home: Path, key: str) -> None:
    """Give a home that has no key the one that its restored data is sealed with."""
    if not (home / _KEY_FILE).exists():
        write_key(home / _KEY_FILE, key)


def exchange_own_key(home: Path) -> None:
    """Make the home a new key and keep the one before, which still opens what it sealed."""
    former, path = home / _FORMER_FILE, home / _KEY_FILE
    write_key(former, _own_key(home))
    fresh = home / f".{_KEY_FILE}.{secrets.token_hex(4)}"
    write_key(fresh, new_key())
    fresh.replace(path)


def write_key(path: Path, key: str) -> None:
    """Write a key into a file that only its owner reads."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(key, encoding="ascii")


def _former_key(home: Path) -> str | None:
    path = home / _FORMER_FILE
    return path.read_text(encoding="ascii").strip() if path.exists() else None


def _own_key(home: Path) -> str:
    """Return the home's key, made on first use: several instances that start at once agree on one."""
    path = home / _KEY_FILE
    if not path.exists():
        fresh = home / f".{_KEY_FILE}.{secrets.token_hex(4)}"
        write_key(fresh, new_key())
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="ascii").strip()
