"""The operators' commands, as processes: they explain themselves, and fail with a sentence and a status."""

import os
import socket
import subprocess
import sys

import pytest

from bot.cli import build_cli

pytestmark = pytest.mark.processes

TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
_SERVERS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ENCRYPTION_KEY": "a key that only the tests know",
}


def _gmbot(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "COVERAGE_PROCESS_START") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env={**kept, "COLUMNS": "200", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _commands() -> list[str]:
    return sorted(
        str(command.callback.__name__).replace("_", "-")
        for command in build_cli().registered_commands
        if command.callback
    )


def test_the_commands_are_listed() -> None:
    """With one sentence each."""
    outcome = _gmbot("--help")

    assert outcome.returncode == 0
    assert all(command in outcome.stdout for command in _commands())


@pytest.mark.parametrize("command", _commands())
def test_each_command_explains_itself(command: str) -> None:
    """Without any setting, server or network."""
    outcome = _gmbot(command, "--help")

    assert outcome.returncode == 0, outcome.stderr
    assert f"Usage: gmbot {command}" in outcome.stdout or "Usage:" in outcome.stdout
    assert outcome.stderr == ""


def test_an_unknown_command_is_an_error() -> None:
    """Named, with status 2."""
    outcome = _gmbot("fly")

    assert outcome.returncode == 2
    assert "fly" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "part"),
    [
        (("serve",), {"BOT_TOKEN": "hello"}, "BOT_TOKEN does not look like one"),
        (("serve",), {"GMBOT_HOEM": "/x"}, "GMBOT_HOEM is not a setting"),
        (("serve", "--mode", "webhook"), {"BOT_TOKEN": TOKEN}, "WEBHOOK_URL must be set"),
        (("serve",), {"BOT_TOKEN": TOKEN, "PORT": "0"}, "gmbot serve: "),
        (("migrate", "--check"), {}, "gmbot migrate: "),
    ],
)
def test_what_keeps_a_command_from_starting_is_one_sentence(
    arguments: tuple[str, ...], environment: dict[str, str], part: str
) -> None:
    """Status 1, no traceback, no secret."""
    outcome = _gmbot(*arguments, **{**_SERVERS, **environment})

    assert outcome.returncode == 1
    assert part in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert TOKEN not in outcome.stderr + outcome.stdout


def test_a_port_that_is_taken_is_named() -> None:
    """Before any server is asked."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        outcome = _gmbot("serve", **_SERVERS, BOT_TOKEN=TOKEN, PORT=port)

    assert outcome.returncode == 1
    assert f"PORT {port}" in outcome.stderr


def test_a_healthcheck_without_an_instance_fails() -> None:
    """As a container expects it."""
    outcome = _gmbot("healthcheck", **_SERVERS, PORT="1")

    assert outcome.returncode == 1
    assert "gmbot healthcheck" in outcome.stderr
