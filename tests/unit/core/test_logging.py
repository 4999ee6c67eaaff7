"""Logs: one object a line, and no token in any."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.core.telemetry.logging import configure_logging, redact
from bot.domain.secret import Secret

TOKEN = Secret("1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0")


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
