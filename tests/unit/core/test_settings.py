"""The environment: read once, and refused with a sentence that says what to do."""

from pathlib import Path

import pytest

from bot.core.settings import Settings
from bot.domain.errors import SettingsError
from bot.domain.schedule import parse_schedule

TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
SERVERS = {
    "DATABASE_URL": "postgresql://u:p@db/gmbot",
    "REDIS_URL": "redis://cache:6379/0",
    "ENCRYPTION_KEY": "a key that only the tests know",
}


def test_defaults_are_those_of_the_documentation() -> None:
    """With nothing set but a home."""
    settings = Settings.from_env({"GMBOT_HOME": "/srv/gmbot"})

    assert (settings.host, settings.port, settings.db_pool_size) == ("127.0.0.1", 8000, 10)
    assert (settings.cache_positive_ttl, settings.cache_negative_ttl, settings.cache_jitter_percent) == (600, 60, 15)
    assert settings.cache_l1_size == 200_000
    assert settings.migrate_on_start
    assert settings.at_telegram


def test_values_are_read_and_typed() -> None:
    """Numbers, lists and switches."""
    settings = Settings.from_env(
        {
            **SERVERS,
            "BOT_TOKEN": TOKEN,
            "PORT": "9000",
            "OPERATOR_IDS": "1, 2 3",
            "TRUSTED_PROXIES": "10.0.0.1,10.0.0.2",
            "MIGRATE_ON_START": "0",
            "LOG_LEVEL": "DEBUG",
        }
    )

    assert settings.port == 9000
    assert settings.operator_ids == [1, 2, 3]
    assert settings.trusted_proxies == ["10.0.0.1", "10.0.0.2"]
    assert not settings.migrate_on_start
    assert settings.log_level == "debug"


def test_an_empty_value_is_none() -> None:
    """As compose files leave them."""
    settings = Settings.from_env({**SERVERS, "BOT_TOKEN": "", "PORT": ""})

    assert settings.bot_token is None
    assert settings.port == 8000


def test_secrets_print_as_stars() -> None:
    """Neither a log nor a traceback shows them."""
    settings = Settings.from_env({**SERVERS, "BOT_TOKEN": TOKEN, "WEBHOOK_SECRET": "hush-hush-hush"})

    for secret in (TOKEN, "postgresql://u:p", "hush", "only the tests"):
        assert secret not in repr(settings)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """As containers get theirs; the line's end does not count."""
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    settings = Settings.from_env({**SERVERS, "BOT_TOKEN_FILE": str(file)})

    assert settings.bot_token is not None
    assert settings.bot_token.get_secret_value() == TOKEN


@pytest.mark.parametrize(
    ("environment", "part"),
    [
        ({"GMBOT_HOEM": "/x"}, "GMBOT_HOEM is not a setting of GMBot; did you mean GMBOT_HOME?"),
        ({"GMBOT_COLOUR": "red"}, "docs/operations/configuration.md lists them all"),
        ({"BOT_TOKEN_FILE": "/bin/sh"}, "BOT_TOKEN_FILE: /bin/sh does not hold text"),
        ({"BOT_TOKEN": "hello"}, "BOT_TOKEN does not look like one"),
        ({"BOT_TOKEN": TOKEN, "BOT_TOKEN_FILE": "/x"}, "BOT_TOKEN and BOT_TOKEN_FILE are both set"),
        ({"BOT_TOKEN_FILE": "/nowhere/token"}, "BOT_TOKEN_FILE: /nowhere/token cannot be read"),
        ({"BOT_TOKEN": "1234567890:SIMabcdefghijklmnop"}, "is a simulator's"),
        ({"WEBHOOK_URL": "http://gate.example"}, "WEBHOOK_URL must be https"),
        ({"WEBHOOK_SECRET": "changeme"}, "WEBHOOK_SECRET still holds a placeholder"),
        ({"ENCRYPTION_KEY": "Change-Me"}, "ENCRYPTION_KEY still holds a placeholder"),
        ({"REDIS_URL": ""}, "set both DATABASE_URL and REDIS_URL"),
        ({"DATABASE_URL": ""}, "set both DATABASE_URL and REDIS_URL"),
        ({"ENCRYPTION_KEY": ""}, "ENCRYPTION_KEY must be set beside DATABASE_URL"),
        ({"PORT": "many"}, "PORT must be a whole number"),
        ({"PORT": "70000"}, "PORT must be at most 65535"),
        ({"DB_POOL_SIZE": "1"}, "DB_POOL_SIZE must be at least 2"),
        ({"SENTRY_TRACES_SAMPLE_RATE": "some"}, "SENTRY_TRACES_SAMPLE_RATE must be a number"),
        ({"MIGRATE_ON_START": "perhaps"}, "MIGRATE_ON_START must be 1 or 0"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be 'debug', 'info', 'warning' or 'error'"),
        ({"CACHE_JITTER_PERCENT": "91"}, "CACHE_JITTER_PERCENT must be at most 90"),
        ({"OPERATOR_IDS": "me"}, "OPERATOR_IDS must be a whole number"),
        ({"WARM_SCHEDULE": "nightly"}, "WARM_SCHEDULE 'nightly' is neither a time like 03:00"),
        ({"TELEGRAM_API_URL": "telegram"}, "TELEGRAM_API_URL must begin with http:// or https://"),
        ({"TELEGRAM_API_URL": "http://"}, "TELEGRAM_API_URL must begin with http:// or https://"),
        ({"WEBHOOK_URL": "gate.example"}, "WEBHOOK_URL must begin with http:// or https://"),
        ({"DATABASE_URL": "mysql://a:b@c/d"}, "DATABASE_URL must begin with postgresql:// or postgres://"),
        ({"DATABASE_URL": "postgresql://u:p@one:5432,two:x/d"}, "DATABASE_URL names a port that is no number"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must begin with redis://"),
        ({"REDIS_URL": "redis://h:70000/0"}, "REDIS_URL names a port that is no number"),
        ({"REDIS_URL": "redis://:p@h/zero"}, "REDIS_URL must end in the number of a database"),
    ],
)
def test_what_is_wrong_is_named(environment: dict[str, str], part: str) -> None:
    """Before anything is started."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**SERVERS, **environment})

    assert part in str(caught.value)


@pytest.mark.parametrize(
    "urls",
    [
        {"DATABASE_URL": "postgres://u@[::1]:5432,db-2.example/gmbot?sslmode=require"},
        {"DATABASE_URL": "postgresql:///gmbot?host=/run/postgresql"},
        {"REDIS_URL": "rediss://user:p@cache.example:6380"},
        {"REDIS_URL": "redis+sentinel://:p@one:26379,two:26379/gmbot/0"},
        {"TELEGRAM_API_URL": "HTTPS://api.telegram.org"},
    ],
)
def test_a_url_that_works_is_left_alone(urls: dict[str, str]) -> None:
    """Several hosts, sockets, TLS, sentinels."""
    settings = Settings.from_env({**SERVERS, **urls})

    assert settings.redis_url is not None


def test_a_fault_is_told_once_for_each_setting() -> None:
    """Not once for each value in it."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**SERVERS, "OPERATOR_IDS": "me,you"})

    assert str(caught.value) == "OPERATOR_IDS must be a whole number"


def test_a_fault_does_not_tell_the_secret() -> None:
    """The sentence goes to a terminal or a log."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**SERVERS, "BOT_TOKEN": "my token is " + TOKEN})

    assert TOKEN not in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    """An operator corrects them in one go."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({**SERVERS, "PORT": "x", "DB_POOL_SIZE": "1"})

    assert "PORT" in str(caught.value)
    assert "DB_POOL_SIZE" in str(caught.value)


def test_a_simulator_is_not_telegram() -> None:
    """There http is accepted, and its tokens."""
    settings = Settings.from_env(
        {
            **SERVERS,
            "BOT_TOKEN": "1234567890:SIMabcdefghijklmnop",
            "TELEGRAM_API_URL": "http://127.0.0.1:8081",
            "WEBHOOK_URL": "http://127.0.0.1:8000",
        }
    )

    assert not settings.at_telegram


@pytest.mark.parametrize("url", ["https://api.telegram.org/", "https://API.telegram.org:443"])
def test_telegram_is_known_in_any_spelling(url: str) -> None:
    """Case, port and a slash at the end make no other server of it."""
    assert Settings.from_env({**SERVERS, "TELEGRAM_API_URL": url}).at_telegram


def test_a_schedule_is_read_when_the_instance_starts() -> None:
    """Not at night, when it is due."""
    settings = Settings.from_env({**SERVERS, "WARM_SCHEDULE": "03:00"})

    assert settings.warm_schedule == parse_schedule("03:00")
    assert Settings.from_env(SERVERS).warm_schedule is None
    with pytest.raises(SettingsError, match=r"WARM_SCHEDULE .*neither a time like 03:00 nor the five fields of cron"):
        Settings.from_env({**SERVERS, "WARM_SCHEDULE": "at night"})
