"""What is secret at rest, and what is derived from the key."""

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken

from bot.domain.errors import SettingsError
from bot.domain.ids import BotId

# Fernet wants 32 bytes; any operator's passphrase of this length or more is stretched to them.
SHORTEST_KEY = 20


def new_key() -> str:
    """Make an ENCRYPTION_KEY."""
    return secrets.token_urlsafe(32)


class Vault:
    """Seals tokens with the deployment's key."""

    def __init__(self, key: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise SettingsError(
                f"ENCRYPTION_KEY needs at least {SHORTEST_KEY} characters; `openssl rand -base64 32` is fine"
            )
        self._key = key.encode()
        self._fernet = Fernet(base64.urlsafe_b64encode(self._derive(b"tokens")))

    def seal(self, text: str) -> bytes:
        """Encrypt and authenticate."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt. Raises SettingsError when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise SettingsError("ENCRYPTION_KEY does not fit the tokens in the database") from error

    def webhook_secret(self, bot: BotId) -> str:
        """Derive the secret that Telegram sends with each update of this bot."""
        return self._derive(f"webhook:{bot}".encode()).hex()

    def _derive(self, purpose: bytes) -> bytes:
        return hmac.digest(self._key, purpose, hashlib.sha256)
