"""Breaks updates: by field, by shape and by byte, from a seed."""

import copy
import json
import random
from collections.abc import Sequence

Json = object
Path = tuple[str | int, ...]

# Values that have broken parsers, stores and libraries somewhere.
NASTY: tuple[Json, ...] = (
    None, True, False, 0, -1, 1, 2**31, -(2**31) - 1, 2**52, 2**53, 2**63, -(2**63) - 1, 2**64, 10**30, 1.5, 1e300,
    float("nan"), float("-inf"), "", " ", "0", "-1", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202e", "😀" * 300,
    "x" * 70_000, "/protect", "/protect @gm_news", "/protect\x00", "/status@gate_bot", "v", "s:", "group", "channel",
    "private", "supergroup", "left", "kicked", "restricted", "administrator", "creator", "member", [], [[]], [None],
    [1], {}, {"": ""}, {"id": None}, {"id": 1}, {"user": {}}, [{}], {"type": "private", "id": 7},
)  # fmt: skip


class Mutator:
    """Makes endless variations of a corpus, the same for the same seed."""

    def __init__(self, corpus: Sequence[Json], *, seed: int) -> None:
        self._dice = random.Random(seed)
        self._corpus = corpus

    def update(self, update_id: int) -> bytes:
        """Return one broken update under a fresh id, sometimes broken below the level of JSON."""
        update = copy.deepcopy(self._dice.choice(self._corpus))
        assert isinstance(update, dict)
        update["update_id"] = update_id
        for _ in range(self._dice.choice((1, 1, 1, 2, 3, 6))):
            self._mutate(update)
        body = json.dumps(update).encode()
        return self._bytes(body) if self._dice.random() < 0.1 else body

    def _mutate(self, update: Json) -> None:
        # Without its id an update is not looked at any further, so that is rarely broken.
        paths = [path for path in _paths(update) if path != ("update_id",) or self._dice.random() < 0.05]
        if not paths:
            return
        path = self._dice.choice(paths)
        holder = _at(update, path[:-1])
        key = path[-1]
        choice = self._dice.random()
        if choice < 0.2:
            del holder[key]  # type: ignore[attr-defined] # a path leads into a dict or a list
        elif choice < 0.5:
            holder[key] = copy.deepcopy(self._dice.choice(NASTY))  # type: ignore[index] # as above
        elif choice < 0.8:
            holder[key] = self._foreign(type(holder[key]))  # type: ignore[index] # as above
        elif choice < 0.9:
            holder[key] = [holder[key]]  # type: ignore[index] # as above
        else:
            self._add(holder)

    def _foreign(self, kind: type[object]) -> Json:
        """Return any value from anywhere in the corpus, mostly of this type: what fits a shape goes deepest."""
        other = self._dice.choice(self._corpus)
        values = [_at(other, path) for path in _paths(other)]
        fitting = [value for value in values if type(value) is kind]
        return copy.deepcopy(self._dice.choice(fitting if fitting and self._dice.random() < 0.8 else values))

    def _add(self, holder: Json) -> None:
        """Add a field that stands somewhere else in the corpus."""
        other = self._dice.choice(self._corpus)
        path = self._dice.choice(_paths(other))
        if isinstance(holder, dict) and isinstance(path[-1], str):
            holder[path[-1]] = copy.deepcopy(_at(other, path))

    def _bytes(self, body: bytes) -> bytes:
        broken = bytearray(body)
        position = self._dice.randrange(len(broken))
        match self._dice.randrange(5):
            case 0:
                del broken[position:]
            case 1:
                broken[position] ^= 1 << self._dice.randrange(8)
            case 2:
                broken[position:position] = self._dice.randbytes(3)
            case 3:
                broken[position:position] = broken[:position]
            case _:
                broken = bytearray(body.replace(b": ", b": " + b"9" * 5000, 1))
        return bytes(broken)


def _paths(value: Json, above: Path = ()) -> list[Path]:
    """List the paths to everything inside a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[Path] = []
    for key, each in inside:
        found.append((*above, key))
        found.extend(_paths(each, (*above, key)))
    return found


def _at(value: Json, path: Path) -> Json:
    for key in path:
        value = value[key]  # type: ignore[index] # a path leads through dicts and lists
    return value
