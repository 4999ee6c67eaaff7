"""Keys and secrets: what is sealed, by which key, and what shows of it."""

import pytest

from bot.core.crypto import Vault, new_key
from bot.domain.errors import SettingsError
from bot.domain.ids import BotId
from bot.domain.secret import Secret

TOKEN = Secret("1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0")


def test_a_sealed_token_is_opened_with_the_same_key() -> None:
    """And is unreadable at rest, each time in another way."""
    vault = Vault("a key that only the tests know")
    sealed = vault.seal(TOKEN)

    assert TOKEN.reveal().encode() not in sealed
    assert sealed != vault.seal(TOKEN)
    assert Vault("a key that only the tests know").open(sealed) == TOKEN


def test_another_key_is_named_as_the_fault() -> None:
    """Not a traceback of a cipher."""
    sealed = Vault("a key that only the tests know").seal(TOKEN)

    with pytest.raises(SettingsError, match="ENCRYPTION_KEY does not fit"):
        Vault("another key of enough length").open(sealed)


def test_a_former_key_opens_and_seals_nothing() -> None:
    """Keys are exchanged while instances run: both are read, one is written."""
    former, current = "a key that only the tests know", "another key of enough length"
    both = Vault(current, former)

    assert both.open(Vault(former).seal(TOKEN)) == TOKEN
    assert Vault(current).open(both.seal(TOKEN)) == TOKEN
    assert both.webhook_secret(BotId(1)) == Vault(former).webhook_secret(BotId(1))


def test_a_secret_prints_as_stars() -> None:
    """Wherever it lands by mistake: in a text, an error, a field of a log."""
    assert f"{TOKEN} {TOKEN!r} {[TOKEN]} {ValueError(TOKEN)}" == "*** *** [***] ***"


def test_a_short_key_is_refused() -> None:
    """It could be guessed."""
    with pytest.raises(SettingsError, match="at least 20 characters"):
        Vault("short")


def test_a_new_key_is_long_enough_and_new() -> None:
    """For those who let GMBot make one."""
    assert Vault(new_key()).seal(Secret("x"))
    assert new_key() != new_key()


def test_each_bot_has_its_own_webhook_secret() -> None:
    """Derived, so that all instances have the same; Telegram takes these characters only."""
    vault = Vault("a key that only the tests know")
    secret = vault.webhook_secret(BotId(1))

    assert secret == Vault("a key that only the tests know").webhook_secret(BotId(1))
    assert secret != vault.webhook_secret(BotId(2))
    assert secret != Vault("another key of enough length").webhook_secret(BotId(1))
    assert 1 <= len(secret.reveal()) <= 256
    assert secret.reveal().isalnum()
