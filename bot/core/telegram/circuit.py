"""Circuits: what has not answered several times in a row is asked by one probe at a time until it answers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

Key = tuple[str, int, int]
"""Scope ("bot" or "channel"), bot, channel (0 for the bot itself)."""

_FAILURES = 5
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
# A probe takes 2 s at most; one that never tells how it ended is forgotten after this.
_PROBE_SECONDS = 3.0


@dataclass(slots=True)
class _State:
    failures: int = 0
    pause: float = 0.0
    """0 while the circuit is closed."""
    next_probe: float = float("-inf")
    probing: bool = False
    channels: set[Key] = field(default_factory=set)
    """About which no answer came: each counts once for its bot, for one that is silent says nothing of the others."""


class Circuits:
    """Counts only silence. Any answer, a refusal and a pause too, closes a circuit."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._states: dict[Key, _State] = {}

    def wait(self, keys: Iterable[Key]) -> float:
        """Return for how many seconds no call through these circuits may start."""
        now = self._monotonic()
        states = (self._states.get(key) for key in keys)
        return max((state.next_probe - now for state in states if state and state.pause), default=0.0)

    def enter(self, keys: Iterable[Key]) -> None:
        """Start a call. Through an open circuit it is the probe: others wait for how it ends."""
        for key in keys:
            state = self._states.get(key)
            if state is not None and state.pause:
                state.next_probe = self._monotonic() + _PROBE_SECONDS
                state.probing = True

    def answered(self, keys: Iterable[Key]) -> None:
        """Note an answer."""
        for key in keys:
            self._states.pop(key, None)

    def silent(self, keys: Sequence[Key]) -> None:
        """Note that no answer came."""
        for key in keys:
            state = self._states.setdefault(key, _State())
            if key == keys[-1]:
                state.failures += 1
            else:
                state.channels.add(keys[-1])
            if state.probing:
                self._open(state, min(state.pause * 2, _LONGEST_PAUSE_SECONDS))
            elif not state.pause and state.failures + len(state.channels) >= _FAILURES:
                self._open(state, _FIRST_PAUSE_SECONDS)

    def _open(self, state: _State, pause: float) -> None:
        """Let nothing pass for a while. Calls that were under way when it opened prolong nothing when they fail."""
        state.pause, state.probing = pause, False
        state.next_probe = self._monotonic() + pause

    def open(self, scope: str) -> int:
        """Count the open circuits of a scope."""
        return sum(1 for key, state in self._states.items() if key[0] == scope and state.pause)
