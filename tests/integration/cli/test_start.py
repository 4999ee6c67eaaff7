"""The operators' commands, as processes: they explain themselves, and fail with a sentence and a status."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

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


@pytest.mark.parametrize(
    ("command", "useless"),
    [
        ("healthcheck", {"telegram", "aiohttp", "asyncpg", "redis", "sqlalchemy", "bot.app"}),
        ("serve", {"bot.simulator", "sqlalchemy", "sentry_sdk", "opentelemetry.sdk.trace"}),
    ],
)
def test_a_command_loads_nothing_that_it_has_no_use_for(command: str, useless: set[str]) -> None:
    """One runs every few seconds beside each instance; the other should be there at once, and small."""
    code = f"import sys; from bot.cli import build_cli; build_cli({command!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert f"bot.cli.{command}" in loaded
    assert not useless & set(loaded)


def _subcommands() -> list[tuple[str, str]]:
    found = []
    for group in build_cli().registered_groups:
        commands = group.typer_instance.registered_commands if group.typer_instance else ()
        found += [(str(group.name), str(each.name or (each.callback and each.callback.__name__))) for each in commands]
    return [(group, name.strip("_").replace("_", "-")) for group, name in found]


@pytest.mark.parametrize(("group", "command"), _subcommands())
def test_each_subcommand_explains_itself(group: str, command: str) -> None:
    """With its options, and no word about what went wrong."""
    outcome = CliRunner().invoke(build_cli(), [group, command, "--help"], env={"COLUMNS": "200"})

    assert outcome.exit_code == 0, outcome.output
    assert f"{group} {command}" in outcome.output
    assert "--help" in outcome.output


@pytest.mark.parametrize("command", _commands())
def test_each_command_explains_itself(command: str) -> None:
    """Without any setting, server or network."""
    outcome = _gmbot(command, "--help")

    assert outcome.returncode == 0, outcome.stderr
    assert f"Usage: gmbot {command}" in outcome.stdout or "Usage:" in outcome.stdout
    assert outcome.stderr == ""


def test_the_release_is_told() -> None:
    """Without a setting or a server: whoever reports a fault names it."""
    outcome = _gmbot("--version")

    assert outcome.returncode == 0
    assert outcome.stdout == f"gmbot {version('gmbot')}\n"


def test_an_unknown_command_is_an_error() -> None:
    """Named, with status 2."""
    outcome = _gmbot("fly")

    assert outcome.returncode == 2
    assert "fly" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "part"),
    [
        (("serve",), {"BOT_TOKEN": "hello"}, "BOT_TOKEN does not look like one"),
        (("serve",), {"GMBOT_HOEM": "/x"}, "did you mean GMBOT_HOME?"),
        (("serve",), {"PORT": "eight"}, "PORT must be a whole number"),
        (("serve",), {"DATABASE_URL": "db.example"}, "DATABASE_URL must begin with postgresql://"),
        (("serve",), {"REDIS_URL": "cache.example"}, "REDIS_URL must begin with redis://"),
        (("serve",), {"ENCRYPTION_KEY": ""}, "ENCRYPTION_KEY must be set"),
        (("serve",), {"WEBHOOK_URL": "http://gate.example"}, "WEBHOOK_URL must be https"),
        (("serve",), {"PORT": "0"}, "PostgreSQL at 127.0.0.1:1 does not answer: Connection refused; start it, or"),
        (("bots", "list"), {}, "PostgreSQL at 127.0.0.1:1 does not answer: Connection refused; start it, or correct"),
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


def test_a_server_that_is_no_postgresql_is_told_from_one_within_seconds() -> None:
    """One that listens and never answers keeps nobody waiting for long, and is named."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        asked: list[float] = []
        listening = Thread(target=lambda: asked.append(_until_spoken_to(silent)))
        listening.start()
        outcome = _gmbot("serve", **{**_SERVERS, "PORT": "0", "DATABASE_URL": f"postgresql://nobody@{place}/none"})
        ended = time.monotonic()
        listening.join()

    assert outcome.returncode == 1
    assert f"PostgreSQL at {place} does not answer: silent for seconds" in outcome.stderr
    assert "correct DATABASE_URL" in outcome.stderr
    # Five are its patience; the rest is what a busy machine may take to say so.
    assert ended - asked[0] < 20


def _until_spoken_to(listener: socket.socket) -> float:
    """Let one caller in, say nothing until it goes, and return when it came."""
    listener.settimeout(60)
    caller, _ = listener.accept()
    came = time.monotonic()
    with caller, suppress(ConnectionResetError):
        while caller.recv(1024):
            pass
    return came


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [(("srve",), "Did you mean 'serve'?"), (("serve", "--prot", "1"), "No such option: --prot")],
)
def test_a_slip_is_an_error_with_advice(arguments: tuple[str, ...], advice: str) -> None:
    """Status 2, what was meant, and where help is."""
    outcome = _gmbot(*arguments)

    assert outcome.returncode == 2
    assert advice in outcome.stderr
    assert "--help" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("kind", ["file", "below"])
def test_a_home_that_cannot_be_used_is_named(tmp_path: Path, kind: str) -> None:
    """With what to choose instead."""
    home = tmp_path / "home"
    home.write_text("a file")
    outcome = _gmbot("serve", GMBOT_HOME=str(home if kind == "file" else home / "below"), PORT="0")

    assert outcome.returncode == 1
    assert f"this user may not use the home {home}" in outcome.stderr
    assert "Not a directory; choose another GMBOT_HOME, or set DATABASE_URL and REDIS_URL" in outcome.stderr
    assert "Traceback" not in outcome.stderr


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
