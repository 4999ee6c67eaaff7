"""A long run ends together with everything it has started, however it ends.

A run starts servers in sessions of their own, instances and nginx. Killed by a signal it would leave them all behind.
So it runs in a child: whatever outlives that child is handed to this process by the kernel, and ended here.
Only a SIGKILL for both at once leaves something. `python -m tests.kits.leash ARGUMENTS` runs pytest so.
"""

import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import pytest

ORDERLY_SECONDS = 60
"""How long an interrupted run may take to put its things away."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_STAGES = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0))
_BY_A_SIGNAL = 128


def leashed(run: Callable[[], int]) -> int:
    """Run it and return its exit status. The first SIGINT, SIGTERM or SIGHUP interrupts it, the next one kills it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    sys.stdout.flush()
    sys.stderr.flush()
    holder = os.getpid()
    child = os.fork()
    if child == 0:
        return _run_on_the_leash(run, holder)
    with _passing_signals_on(child):
        status = _reap_until(child)
    if left := _end_the_rest():
        sys.stderr.write(f"ended what the run left behind: {left} processes\n")
    return status if status >= 0 else _BY_A_SIGNAL - status


def with_own_files(run: Callable[[], int]) -> int:
    """Run it on the leash with a temporary directory of its own, and remove that."""
    # As root, servers run as another user, who must get in.
    place = Path(tempfile.mkdtemp(prefix="gmbot-run-"))
    place.chmod(0o711)
    tempfile.tempdir = os.environ["TMPDIR"] = str(place)
    holder = os.getpid()
    try:
        return leashed(run)
    finally:
        if os.getpid() == holder:
            shutil.rmtree(place, ignore_errors=True)


def _run_on_the_leash(run: Callable[[], int], holder: int) -> int:
    # A terminal's Ctrl-C goes to everybody in its foreground group: servers would be gone before they are put away.
    os.setpgid(0, 0)
    # When the holder dies and something in the group is stopped, the kernel hangs up on the group. The interruption is
    # on its way then; a terminal's hang-up is passed on as one. Not ignored, for that would be inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != holder:
        return _BY_A_SIGNAL + signal.SIGKILL
    try:
        return run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return _BY_A_SIGNAL + signal.SIGINT


@contextmanager
def _passing_signals_on(child: int) -> Iterator[None]:
    numbers = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    orderly = [True]

    def pull(_number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGINT if orderly else signal.SIGKILL)
        orderly.clear()
        signal.alarm(ORDERLY_SECONDS)

    before = {number: signal.signal(number, pull) for number in (*numbers, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.alarm(0)
        # While the rest is ended nothing interrupts; it takes seconds.
        for number in before:
            signal.signal(number, signal.SIG_IGN)


def _reap_until(child: int) -> int:
    """Wait for the run, and for what is handed over meanwhile: a zombie would count as alive."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _end_the_rest() -> int:
    ended: set[int] = set()
    for number, seconds in _STAGES:
        told: set[int] = set()
        deadline = time.monotonic() + seconds
        while (children := _children()) and time.monotonic() < deadline:
            for pid in children - told:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            told |= children
            ended |= children
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.02)
    return len(ended)


def _children() -> set[int]:
    threads = Path("/proc/self/task").iterdir()
    return {int(pid) for thread in threads for pid in (thread / "children").read_text(encoding="ascii").split()}


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} was refused")


if __name__ == "__main__":
    sys.exit(leashed(lambda: pytest.main(sys.argv[1:])))
