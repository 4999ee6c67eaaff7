"""A long run that is interrupted or killed leaves nothing behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.kits.platform import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]

# What a run may leave: one in a session of its own, one whose parent is gone, one that stands still.
STUBBORN = """
import signal, subprocess, sys, tempfile, time
from pathlib import Path
from tests.kits.leash import with_own_files

# Whoever runs the tests may ignore these, as nohup and shells in the background do, and that is inherited.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

def run():
    lonely = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=-3, stderr=-3)
    orphan = subprocess.run(["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True).stdout
    still = subprocess.Popen(["sleep", "600"], stdout=-3, stderr=-3)
    still.send_signal(signal.SIGSTOP)
    place = Path(tempfile.mkdtemp())
    try:
        print(lonely.pid, int(orphan), still.pid, place, flush=True)
        # In short steps: a signal right before a sleep begins is not heard until that ends.
        for _ in range(6_000 if "hold" in sys.argv else 0):
            time.sleep(0.1)
    finally:
        print("put away", flush=True)
        if sys.argv[-1].endswith(".away"):
            Path(sys.argv[-1]).touch()
    return 7

sys.exit(with_own_files(run))
"""


def alive(pid: int) -> bool:
    """Whether the process does anything any more: one that nobody has asked about yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def below(pid: int) -> set[int]:
    """Return everything that descends from a process."""
    found: set[int] = set()
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found |= {int(each) for each in (thread / "children").read_text(encoding="ascii").split()}
    except FileNotFoundError:
        return found
    return found.union(*(below(each) for each in found))


@asynccontextmanager
async def started(*arguments: str, **changes: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python for the time of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        cwd=ROOT,
        env={**os.environ, **changes},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupted_run_ends_in_order_with_all_it_started(number: signal.Signals) -> None:
    """It puts its things away, and whatever it forgot is ended: also what has stopped or has no parent."""
    async with started("-c", STUBBORN, "hold") as process:
        assert process.stdout is not None
        *pids, place = (await process.stdout.readline()).split()
        process.send_signal(number)
        said, complaint = await process.communicate()

    assert process.returncode == 128 + signal.SIGINT
    assert said == b"put away\n"
    assert b"ended what the run left behind: 3 processes" in complaint
    assert not any(alive(int(pid)) for pid in pids)
    assert not await asyncio.to_thread(Path(place.decode()).exists)


async def test_a_killed_run_leaves_nothing_behind() -> None:
    """The run cannot put anything away: everything it had started is ended all the same."""
    async with started("-c", STUBBORN, "hold") as process:
        assert process.stdout is not None
        *pids, place = (await process.stdout.readline()).split()
        (run,) = (each for each in below(process.pid) if os.getpgid(each) == each and str(each).encode() != pids[0])
        os.kill(run, signal.SIGKILL)
        said, _ = await process.communicate()

    assert process.returncode == 128 + signal.SIGKILL
    assert said == b""
    assert not any(alive(int(pid)) for pid in pids)
    assert not await asyncio.to_thread(Path(place.decode()).exists)


async def test_a_run_whose_holder_is_killed_puts_its_things_away(tmp_path: Path) -> None:
    """Nobody is left to end the rest, so the run itself is interrupted."""
    away = tmp_path / "run.away"
    async with started("-c", STUBBORN, "hold", str(away)) as process:
        assert process.stdout is not None
        *pids, _ = (await process.stdout.readline()).split()
        process.kill()
        await eventually(away.exists, "it has put its things away", within=60)

    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


async def test_a_run_that_ends_by_itself_keeps_its_exit_status() -> None:
    """What it left is ended then, too."""
    async with started("-c", STUBBORN) as process:
        said, _ = await process.communicate()

    assert process.returncode == 7
    assert not any(alive(int(pid)) for pid in said.split()[:3])


@pytest.mark.slow
async def test_make_ha_that_is_terminated_leaves_no_server_behind() -> None:
    """PostgreSQL, Valkey, nginx and instances of `make ha` are gone soon after it was asked to end."""
    async with started("-m", "tests.ha", "--only", "scaling") as process:

        def serving() -> bool:
            found = [_command(each) for each in below(process.pid)]
            return any("bot serve" in each for each in found) and any("nginx" in each for each in found)

        await eventually(serving, "instances and nginx have started", within=90)
        everything = below(process.pid)
        process.terminate()
        await process.communicate()

    assert process.returncode == 128 + signal.SIGINT
    assert len(everything) > 8
    assert not any(alive(pid) for pid in everything)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""
