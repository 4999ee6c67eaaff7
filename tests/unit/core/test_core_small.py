"""Keys, logs, counters and background tasks."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.core.clock import SystemClock
from bot.core.crypto import Vault, new_key
from bot.core.postgres.statements import load_statements
from bot.core.tasks import background_tasks
from bot.core.telemetry.build import describe_build
from bot.core.telemetry.logging import configure_logging, redact
from bot.core.telemetry.metrics import Metrics
from bot.domain.errors import SettingsError
from bot.domain.ids import BotId
from bot.domain.secret import Secret

TOKEN = Secret("1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0")

# Keys


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


# Logs


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Put logging back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize("form", ["json", "console"])
def test_no_token_is_ever_logged(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Not in a field, not in the text of an error, not by another library."""
    configure_logging(level="info", form="json" if form == "json" else "console")
    log = structlog.stdlib.get_logger("test")
    log.info("telegram.called", url=f"https://api.telegram.org/bot{TOKEN.reveal()}/getMe")
    try:
        _fail(f"cannot connect to /bot{TOKEN.reveal()}/getMe")
    except RuntimeError:
        log.exception("telegram.failed")
    logging.getLogger("some.library").warning("POST /bot%s/sendMessage", TOKEN.reveal())

    said = capsys.readouterr().err
    assert said.count("***") >= 3
    assert "AAHdqTcv" not in said


def _fail(text: str) -> None:
    raise RuntimeError(text)


@pytest.mark.usefixtures("logging_restored")
def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With a time, a level and the logger's name."""
    configure_logging(level="info", form="json")
    structlog.stdlib.get_logger("gate").warning("case.muted", user=7, text="two\nlines")

    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event["event"] == "case.muted"
    assert event["user"] == 7
    assert {"timestamp", "level", "logger"} <= event.keys()


@pytest.mark.usefixtures("logging_restored")
def test_what_is_below_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither ours nor a library's."""
    configure_logging(level="warning", form="json")
    structlog.stdlib.get_logger("gate").info("quiet")
    logging.getLogger("aiohttp").info("quiet")

    assert capsys.readouterr().err == ""


def test_other_fields_are_left_alone() -> None:
    """Numbers stay numbers; a time of day is no token."""
    event = {"user": 7, "text": "12:30", "id": "1234567890:short"}

    assert redact(None, "info", dict(event)) == event


# Counters


def test_counters_are_exposed() -> None:
    """In Prometheus' text, with the contract's name among them."""
    metrics = Metrics(build={"version": "1.2.3", "commit": "abc"})
    metrics.update("message", "verified")
    metrics.update("message", "verified")
    metrics.looked_up("memory", hits=1, misses=2)
    metrics.looked_up("redis", hits=0, misses=2)
    metrics.verified("member", "telegram", 0.02)
    metrics.case_closed("freed")
    metrics.effect("mute", "done")
    metrics.gauge("gmbot_l1_entries", "Entries.", lambda: 5)

    text = metrics.exposition().decode()
    assert 'gmbot_updates_total{kind="message",result="verified"} 2.0' in text
    assert 'gmbot_verifications_total{outcome="member",source="telegram"} 1.0' in text
    assert 'gmbot_cases_closed_total{outcome="freed"} 1.0' in text
    assert 'gmbot_effects_total{kind="mute",result="done"} 1.0' in text
    assert 'gmbot_verification_duration_seconds_bucket{le="0.025",source="telegram"} 1.0' in text
    assert 'gmbot_verification_duration_seconds_bucket{le="0.01",source="telegram"} 0.0' in text
    assert 'gmbot_build_info{commit="abc",version="1.2.3"} 1.0' in text
    assert "gmbot_l1_entries 5.0" in text


def test_what_the_gate_lets_pass_is_a_hit_of_memory() -> None:
    """It is counted as an update only; beyond the gate each lookup counts."""
    metrics = Metrics(build={})
    metrics.update("message", "verified")
    metrics.update("edited_message", "verified")
    metrics.update("message", "exempt")
    metrics.looked_up("memory", hits=1, misses=4)
    metrics.looked_up("redis", hits=3, misses=1)

    text = metrics.exposition().decode()
    assert 'gmbot_cache_requests_total{layer="memory",result="hit"} 3.0' in text
    assert 'gmbot_cache_requests_total{layer="memory",result="miss"} 4.0' in text
    assert 'gmbot_cache_requests_total{layer="redis",result="hit"} 3.0' in text
    assert 'gmbot_cache_requests_total{layer="redis",result="miss"} 1.0' in text


def test_a_build_names_its_commit(tmp_path: Path) -> None:
    """Of a clone on a branch or beside one; an installed package has none."""
    git = tmp_path / ".git"
    assert describe_build(tmp_path)["commit"] == "unknown"

    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text("abc\n", encoding="ascii")
    (git / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
    assert describe_build(tmp_path)["commit"] == "abc"

    (git / "HEAD").write_text("def\n", encoding="ascii")
    assert describe_build(tmp_path)["commit"] == "def"


# Statements


def test_statements_are_named_text() -> None:
    """The contract's names are among them, and none is empty."""
    statements = load_statements()

    assert {"get_protected_group", "get_group_channels"} <= statements.keys()
    assert all(text.rstrip().endswith(";") for text in statements.values())


# Background tasks


async def test_a_fault_in_one_task_does_not_end_the_others() -> None:
    """It is logged, and the rest goes on."""
    done = asyncio.Event()

    async def failing() -> None:
        raise RuntimeError("a fault")

    async def working() -> None:
        await asyncio.sleep(0)
        done.set()

    async with background_tasks(SystemClock()) as tasks:
        tasks.spawn(failing(), name="failing")
        tasks.spawn(working(), name="working")
        await asyncio.wait_for(done.wait(), 1)

    assert done.is_set()


async def test_no_task_outlives_its_block() -> None:
    """What still runs is cancelled and waited for."""
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("endless")

    async with background_tasks(SystemClock()) as tasks:
        tasks.spawn(endless(), name="endless")
        await asyncio.sleep(0)

    assert ended == ["endless"]
