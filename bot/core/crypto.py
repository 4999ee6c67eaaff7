"""What is secret at rest, and what is derived from the key."""

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.domain.errors import SettingsError
from bot.domain.ids import BotId
from bot.domain.secret import Secret

# Fernet wants 32 bytes; any operator's passphrase of this length or more is stretched to them.
SHORTEST_KEY = 20


def new_key() -> str:
    """Make an ENCRYPTION_KEY."""
    return secrets.token_urlsafe(32)


class Vault:
    """Seals tokens with the deployment's key. With a former key, what that one sealed is opened, too."""

    def __init__(self, key: str, former: str | None = None) -> None:
        for each in (key,) if former is None else (key, former):
            if len(each) < SHORTEST_KEY:
                raise SettingsError(
                    f"ENCRYPTION_KEY needs at least {SHORTEST_KEY} characters; `openssl rand -base64 32` is fine"
                )
        self._oldest = (former or key).encode()
        self._seal = _fernet(key)
        self._open = MultiFernet([self._seal] if former is None else [self._seal, _fernet(former)])

    def seal(self, secret: Secret) -> bytes:
        """Encrypt and authenticate."""
        return self._seal.encrypt(secret.reveal().encode())

    def open(self, sealed: bytes) -> Secret:
        """Decrypt. Raises SettingsError when it was sealed with another key."""
        try:
            return Secret(self._open.decrypt(sealed).decode())
        except InvalidToken as error:
            raise SettingsError("ENCRYPTION_KEY does not fit the tokens in the database") from error

    def webhook_secret(self, bot: BotId) -> Secret:
        """Derive the secret of a bot that was given none.

        By the former key while there is one, so that all instances agree until everything is sealed anew.
        """
        return Secret(_derive(self._oldest, f"webhook:{bot}".encode()).hex())

    @staticmethod
    def new_secret() -> Secret:
        """Make a webhook secret: Telegram takes letters, digits, dashes and underscores."""
        return Secret(secrets.token_urlsafe(36))


def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derive(key.encode(), b"tokens")))


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, hashlib.sha256)
