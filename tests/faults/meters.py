"""CPU and memory of processes and all their children, from /proc."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
# Where the fields stand behind the name in /proc/<pid>/stat.
_PARENT = 1
_OWN = slice(11, 13)
_OWN_AND_REAPED = slice(11, 15)

FindPid = Callable[[], int | None]


@dataclass(frozen=True)
class Reading:
    """One process and its children at one moment."""

    at: float
    cpu_percent: float
    """Of one core, since the reading before."""
    memory_mb: float
    """Memory of their own, and what they share counted once."""


@dataclass(frozen=True)
class _Seen:
    pid: int
    at: float
    cpu_seconds: float


class Meters:
    """Reads the meters of several processes, each found anew every time: it may have been restarted."""

    def __init__(self, processes: Mapping[str, FindPid]) -> None:
        self._processes = processes
        self._seen: dict[str, _Seen] = {}
        self.readings: dict[str, list[Reading]] = {name: [] for name in processes}

    def read(self, at: float) -> None:
        """Take one reading of each."""
        children = _children()
        for name, find in self._processes.items():
            pid = find()
            if pid is None:
                continue
            with suppress(OSError, IndexError, ValueError):
                # Everything that is measured is a child of this process.
                self._read(name, pid, at, [] if pid == os.getpid() else _family(pid, children))

    def memory(self, name: str) -> float:
        """Return the last reading of a process' memory."""
        return self.readings[name][-1].memory_mb if self.readings[name] else 0.0

    def _read(self, name: str, pid: int, at: float, family: list[int]) -> None:
        # What a child used comes to its parent when it has ended.
        fields = _OWN if pid == os.getpid() else _OWN_AND_REAPED
        ticks = sum(map(int, _stat(pid)[fields])) + sum(_ticks(child) for child in family)
        used, before = ticks / _TICKS, self._seen.get(name)
        if before is None or before.pid != pid:
            before = _Seen(pid, before.at if before else at - 1, 0.0 if before else used)
        percent = max(0.0, 100 * (used - before.cpu_seconds) / max(at - before.at, 0.001))
        self._seen[name] = _Seen(pid, at, used)
        self.readings[name].append(Reading(round(at, 1), round(percent, 1), round(_memory_mb([pid, *family]), 1)))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its children have used, those that have ended among them."""
    return (sum(map(int, _stat(pid)[_OWN_AND_REAPED])) + sum(map(_ticks, _family(pid, _children())))) / _TICKS


def _stat(pid: int) -> list[str]:
    return (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def _ticks(pid: int) -> int:
    with suppress(OSError, ValueError):
        return sum(map(int, _stat(pid)[_OWN]))
    return 0


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                found.setdefault(int(_stat(int(entry.name))[_PARENT]), []).append(int(entry.name))
    return found


def _family(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    found, waiting = list[int](), [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.extend(below)
        waiting.extend(below)
    return found


def _memory_mb(pids: list[int]) -> float:
    own, shared = 0, 0
    for pid in pids:
        with suppress(OSError):
            status = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
            sizes = {name: int(value.split()[0]) for name, value in _sizes(status)}
            own += sizes.get("RssAnon", 0)
            shared = max(shared, sizes.get("RssFile", 0) + sizes.get("RssShmem", 0))
    return (own + shared) / 1024


def _sizes(status: str) -> list[tuple[str, str]]:
    lines = (line.partition(":") for line in status.splitlines() if line.startswith("Rss"))
    return [(name, value) for name, _, value in lines]
