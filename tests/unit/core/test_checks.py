"""What the doctor says of settings, of the account, and of what Telegram tells about a webhook."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from bot.core.checks.backups import room
from bot.core.checks.configuration import account, settings_fit, webhook_address
from bot.core.checks.stores import postgres
from bot.core.checks.telegram import webhook
from bot.core.clock import SystemClock
from bot.core.postgres.database import Database
from bot.core.settings import Settings
from bot.domain.finding import Finding, Level
from bot.domain.hosting import HostedBot
from bot.domain.ids import BotId
from bot.domain.secret import Secret
from tests.fakes.ports import FakeClock

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BOT = HostedBot(BotId(42), "gate_bot", Secret("42:AAA"), (), enabled=True, refused_at=None, seq=1)
URL = "https://bot.example.org/telegram/42"
RIGHT: Mapping[str, object] = {"url": URL, "allowed_updates": ["message", "chat_member"], "pending_update_count": 0}


def settings(**given: str) -> Settings:
    """Read settings as from the environment."""
    return Settings.from_env({"BOT_TOKEN": "42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", **given})


def levels(found: Sequence[Finding]) -> list[Level]:
    return [each.level for each in found]


@pytest.mark.parametrize(
    ("url", "level", "what"),
    [
        ("https://bot.example.org", Level.OK, "can deliver"),
        ("https://bot.example.org:8443/", Level.OK, "can deliver"),
        ("https://bot.example.org:9000", Level.FAILURE, "does not deliver to port 9000"),
        ("https://localhost", Level.FAILURE, "localhost is not a public address"),
        ("https://10.0.0.5", Level.FAILURE, "10.0.0.5 is not a public address"),
        ("https://[fd00::1]:443", Level.FAILURE, "fd00::1 is not a public address"),
    ],
)
def test_an_address_is_judged_as_telegram_would(url: str, level: Level, what: str) -> None:
    """WH-2: by its port and by whether the internet knows it."""
    found = webhook_address(settings(WEBHOOK_URL=url))

    assert levels(found) == [level]
    assert what in found[0].what


def test_without_telegram_or_webhook_no_address_is_judged() -> None:
    """WH-2: polling needs none, and a Bot API server of one's own may deliver anywhere."""
    polled = webhook_address(settings())
    own = webhook_address(settings(WEBHOOK_URL="http://10.0.0.5:9000", TELEGRAM_API_URL="http://10.0.0.6:8081"))

    assert levels([*polled, *own]) == [Level.NOTE, Level.NOTE]
    assert "polling" in polled[0].what


@pytest.mark.parametrize(("uid", "level"), [(0, Level.WARNING), (1000, Level.OK)])
def test_root_is_too_much(monkeypatch: pytest.MonkeyPatch, uid: int, level: Level) -> None:
    """SEC-1: only root is warned of."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    assert levels(account()) == [level]


def test_unwise_settings_are_named() -> None:
    """CFG-1: a secret that can be guessed, operators that are no people, proxies that are no network, a slip."""
    unwise = settings(WEBHOOK_SECRET="short", OPERATOR_IDS="777000", TRUSTED_PROXIES="proxy.example.org")
    found = settings_fit(unwise, [("SENTRY_DNS", "SENTRY_DSN")])

    assert levels(found) == [Level.OK, Level.WARNING, Level.WARNING, Level.FAILURE, Level.FAILURE]
    text = " ".join(each.what for each in found)
    for named in ("SENTRY_DNS", "WEBHOOK_SECRET is short", "777000", "proxy.example.org"):
        assert named in text
    assert levels(settings_fit(settings(), [])) == [Level.OK]


def judged(info: Mapping[str, object], *, wanted: str | None = URL) -> Sequence[Finding]:
    return webhook(BOT, info, wanted=wanted, kinds=("message", "chat_member"), connections=100, now=NOW)


def test_a_webhook_is_compared_with_what_it_should_be() -> None:
    """WH-5: its address, the kinds of updates, and how many wait; when polling, that there is none."""
    assert levels(judged(RIGHT)) == [Level.OK]
    (elsewhere,) = judged({**RIGHT, "url": "https://other.example.org/"})
    (deaf,) = judged({**RIGHT, "allowed_updates": ["message"]})
    (waiting,) = judged({**RIGHT, "pending_update_count": 101})
    (kept,) = judged(RIGHT, wanted=None)
    (narrow,) = judged({**RIGHT, "max_connections": 40})

    assert (elsewhere.level, elsewhere.remedy) == (Level.FAILURE, "gmbot webhook set 42")
    assert "chat_member" in deaf.what
    assert (waiting.level, "101 updates wait" in waiting.what) == (Level.WARNING, True)
    assert (kept.level, kept.remedy) == (Level.FAILURE, "gmbot webhook delete 42")
    assert (narrow.level, "40 updates at once" in narrow.what) == (Level.WARNING, True)
    assert levels(judged({"url": ""}, wanted=None)) == levels(judged({**RIGHT, "max_connections": 100})) == [Level.OK]


class Told:
    """A PostgreSQL that tells this of itself."""

    def __init__(self, **row: object) -> None:
        self._row = row

    async def row(self, *_: object) -> Mapping[str, object]:
        return self._row

    async def rows(self, *_: object) -> Sequence[Mapping[str, object]]:
        return []


@pytest.mark.parametrize(
    ("encrypted", "remote", "noted"), [(False, True, True), (True, True, False), (False, False, False)]
)
async def test_an_open_connection_to_another_host_is_noted(*, encrypted: bool, remote: bool, noted: bool) -> None:
    """DB-1: what stays within this host is read by nobody else; a network that one trusts is no fault."""
    # It stands still: a test that is not given its turn has not waited for PostgreSQL.
    clock = FakeClock()
    told = Told(
        now=clock.now(),
        version=160_000,
        standby=False,
        connections=100,
        instances=1,
        encrypted=encrypted,
        remote=remote,
    )
    found = await postgres(cast("Database", told), cast("SystemClock", clock), pool_size=4)

    assert levels(found) == [Level.NOTE, Level.OK] if noted else [Level.OK]
    assert ("sslmode" in found[0].remedy) is noted


@pytest.mark.parametrize(("free", "warned"), [(199, True), (200, False)])
def test_room_for_backups_is_told_before_it_ends(free: int, *, warned: bool) -> None:
    """BK-1: the next one and the newest have to lie beside each other."""
    assert levels(room(free, 100)) == [Level.WARNING] * warned


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "the whole chain"),
        ("SSL error {error:0A00010B:SSL routines::wrong version number}", "plain HTTP"),
        ("Connection refused", "nothing listens there"),
        ("Connection timed out", "firewall"),
        ("Failed to resolve host: Name or service not known", "DNS"),
        ("Wrong response from the webhook: 403 Forbidden", "gmbot webhook set"),
        ("Wrong response from the webhook: 404 Not Found", "/telegram/"),
        ("Wrong response from the webhook: 502 Bad Gateway", "no instance does"),
        ("Wrong response from the webhook: 503 Service Unavailable", "/health"),
        ("Read timeout expired", "too slowly"),
        ("Something that nobody knows", "look at the proxy's log"),
    ],
)
def test_what_telegram_says_of_a_delivery_is_translated(said: str, meant: str) -> None:
    """WH-5: into what to do about it."""
    (found,) = judged({**RIGHT, "last_error_message": said, "last_error_date": int(NOW.timestamp()) - 60})

    assert found.level is Level.WARNING
    assert said in found.what
    assert meant in found.remedy


def test_a_failure_of_long_ago_is_none() -> None:
    """WH-5: Telegram keeps the last one for ever."""
    before = int((NOW - timedelta(hours=2)).timestamp())

    assert levels(judged({**RIGHT, "last_error_message": "Connection refused", "last_error_date": before})) == [
        Level.OK
    ]
