"""Backups as values, sealed streams, the catalogue, and who makes them when."""

import asyncio
import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.backup.catalogue import DATA, Catalogue
from bot.core.backup.packing import packed, unpacked
from bot.core.backup.sealing import Sealer
from bot.domain.backup import (
    Backup,
    Kind,
    LogRange,
    Why,
    chain_of,
    expendable,
    newest_before,
    parent_for,
    segment_name,
    segment_number,
)
from bot.domain.errors import BackupError, DamagedBackupError, StoreUnavailableError, WrongBackupKeyError
from bot.domain.schedule import parse_schedule
from bot.services.upkeep.backup_schedule import BackupSchedule
from tests.fakes.ports import FakeClock
from tests.fakes.tables import FakeLeader

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIB = 1024 * 1024
SEGMENT = 16 * MIB
KEY, OTHER = "a key that only the tests know", "and another one, as long as that"


def backup(name: str, *, age: float = 0, parent: str | None = None, kind: Kind | None = None) -> Backup:
    """Make a backup that ended so many days ago."""
    ended = NOW - timedelta(days=age)
    return Backup(
        name=name,
        kind=kind or (Kind.FULL if parent is None else Kind.INCREMENTAL),
        why=Why.SCHEDULE,
        begun_at=ended - timedelta(minutes=1),
        ended_at=ended,
        size=1000,
        database="gmbot",
        role="gmbot",
        server_version=180006,
        revision="0012",
        release="0.1.0",
        parent=parent,
        log=None if kind is Kind.DUMP else LogRange(system="7", timeline=1, start=0, end=100, segment_bytes=SEGMENT),
    )


def names(backups: list[Backup]) -> set[str]:
    """Return what they are called."""
    return {each.name for each in backups}


@given(
    st.lists(st.integers(0, 60), max_size=12, unique=True).flatmap(
        lambda ages: st.tuples(st.just(ages), st.lists(st.integers(0, 2), min_size=len(ages), max_size=len(ages)))
    ),
    st.integers(1, 5),
    st.integers(1, 40),
)
def test_what_is_kept_can_be_restored(shape: tuple[list[int], list[int]], keep: int, days: int) -> None:
    """Never the last one goes, nor the newest few, nor what is young, nor anything that a kept one rests on."""
    ages, steps = shape
    made: list[Backup] = []
    for place, age in enumerate(sorted(ages, reverse=True)):
        parent = made[-1].name if made and steps[place] else None
        made.append(backup(str(place), age=age, parent=parent))
    gone = names(expendable(made, now=NOW, keep=keep, days=days))
    kept = [each for each in made if each.name not in gone]

    assert names(made[-keep:]) <= names(kept)
    assert all(each in kept for each in made if NOW - each.ended_at <= timedelta(days=days))
    assert bool(kept) == bool(made)
    for each in kept:
        chain_of(each, {known.name: known for known in kept})


def test_an_old_backup_goes_that_nothing_rests_on() -> None:
    """The test above would be content if nothing ever went."""
    made = [backup("old", age=30), backup("base", age=20), backup("on it", age=1, parent="base")]

    assert names(expendable(made, now=NOW, keep=1, days=14)) == {"old"}


def test_chains_end() -> None:
    """After a week, after six that rest on each other, and with every other server, all is copied again."""
    later = [backup(str(number), age=6 - number * 0.5, parent=str(number - 1)) for number in range(1, 7)]
    chain = [backup("0", age=6), *later]

    def parent(made: list[Backup], system: str = "7", timeline: int = 1) -> str | None:
        found = parent_for(made, system=system, timeline=timeline, now=NOW)
        return None if found is None else found.name

    assert parent([]) is None
    assert parent(chain[:3]) == "2"
    assert parent(chain) is None
    assert parent([backup("0", age=8), backup("1", age=1, parent="0")]) is None
    assert parent(chain[:3], system="8") is None
    assert parent(chain[:3], timeline=2) is None
    assert parent(chain[1:3]) is None
    assert parent([backup("0", age=1), backup("dump", kind=Kind.DUMP)]) == "0"


def test_a_moment_is_restored_from_the_backup_before_it() -> None:
    """What was finished later cannot go back."""
    made = [backup("a", age=3), backup("b", age=2), backup("c", age=1)]

    assert newest_before(made, NOW - timedelta(days=1.5)) == made[1]
    assert newest_before(made, None) == made[2]
    assert newest_before(made, NOW - timedelta(days=9)) is None


@given(st.integers(1, 2**20), st.integers(0, 2**34), st.sampled_from([MIB, SEGMENT, 64 * MIB]))
def test_files_of_the_log_are_numbered_as_postgresql_does(timeline: int, number: int, size: int) -> None:
    """In the order of their names."""
    name = segment_name(timeline, number, size)

    assert segment_number(name, size) == number
    assert name < segment_name(timeline, number + 1, size) or number % 2**24 == 2**24 - 1


def test_a_file_of_the_log_has_its_well_known_name() -> None:
    """As pg_walfile_name gives it."""
    log = LogRange(system="7", timeline=3, start=0x1_0200_0028, end=0x1_0300_0000, segment_bytes=SEGMENT)

    assert log.segments() == ("000000030000000100000002", "000000030000000100000002")


def seal(content: bytes, *, purpose: str = "this", key: str = KEY) -> bytes:
    """Seal bytes."""
    file = io.BytesIO()
    writer = Sealer(key).writer(file, purpose=purpose)
    writer.write(content)
    writer.finish()
    return file.getvalue()


def unseal(sealed: bytes, *, purpose: str = "this", key: str = KEY, former: str | None = None) -> bytes:
    """Open bytes."""
    return Sealer(key, former).reader(io.BytesIO(sealed), purpose=purpose).read()


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_what_is_sealed_opens(size: int) -> None:
    """Whatever its size is, and nothing of it can be read before."""
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sealed = seal(content)

    assert unseal(sealed) == content
    assert size < 256 or content[:64] not in sealed


def _changes() -> dict[str, Callable[[bytes], bytes]]:
    piece, header = MIB + 16, 32
    return {
        "a bit": lambda sealed: sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:],
        "a bit of the salt": lambda sealed: sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:],
        "the end cut off": lambda sealed: sealed[:-1],
        "a piece cut off": lambda sealed: sealed[: header + piece],
        "all cut off": lambda sealed: sealed[:header],
        "cut in the header": lambda sealed: sealed[:10],
        "something added": lambda sealed: sealed + b"x",
        "a piece added": lambda sealed: sealed + sealed[header : header + piece],
        "pieces swapped": lambda sealed: (
            sealed[:header]
            + sealed[header + piece : header + 2 * piece]
            + sealed[header : header + piece]
            + sealed[header + 2 * piece :]
        ),
    }


@pytest.mark.parametrize("change", _changes())
def test_what_was_changed_does_not_open(change: str) -> None:
    """Not in a bit, not at a border between pieces, not at the end."""
    sealed = _changes()[change](seal(bytes(2 * MIB + 5)))

    with pytest.raises(DamagedBackupError):
        unseal(sealed)


def test_another_key_is_named_as_what_is_wrong() -> None:
    """A former one is as good as the present one."""
    with pytest.raises(WrongBackupKeyError, match="ENCRYPTION_KEY"):
        unseal(seal(b"x"), key=OTHER)

    assert unseal(seal(b"x"), key=OTHER, former=KEY) == b"x"


def test_a_file_cannot_stand_in_for_another() -> None:
    """Even with the right key."""
    with pytest.raises(DamagedBackupError):
        unseal(seal(b"x", purpose="that"))


def put(catalogue: Catalogue, made: Backup, content: bytes = b"rows") -> None:
    """Put a backup into a catalogue."""
    with catalogue.draft() as draft:
        with packed(draft / DATA, catalogue.sealer, f"{made.name}/{DATA}") as sink:
            sink.write(content)
        catalogue.finish(draft, made)


def test_a_backup_is_found_as_it_was_put(tmp_path: Path) -> None:
    """With all that its manifest says."""
    catalogue = Catalogue(tmp_path / "backups", Sealer(KEY))
    made = [backup("a", age=2), backup("b", age=1, parent="a"), backup("c", kind=Kind.DUMP)]
    for each in made:
        put(catalogue, each)

    assert catalogue.good() == made
    assert catalogue.find("b") == made[1]
    assert catalogue.check(made[0]) > 0
    with unpacked(catalogue.file("a", DATA), catalogue.sealer, f"a/{DATA}") as source:
        assert source.read() == b"rows"
    with pytest.raises(BackupError, match="no backup x"):
        catalogue.find("x")


def test_what_was_not_finished_is_no_backup(tmp_path: Path) -> None:
    """And leaves nothing behind."""
    catalogue = Catalogue(tmp_path, Sealer(KEY))
    with suppress(ZeroDivisionError), catalogue.draft() as draft:
        (draft / DATA).write_bytes(b"half")
        raise ZeroDivisionError

    assert catalogue.entries() == []
    assert list(tmp_path.iterdir()) == []


def test_faults_of_backups_are_told_apart(tmp_path: Path) -> None:
    """Another key, a changed manifest, an unreadable one, a changed file."""
    catalogue = Catalogue(tmp_path, Sealer(KEY))
    for name in ("changed", "unreadable", "touched"):
        put(catalogue, backup(name))
    put(Catalogue(tmp_path, Sealer(OTHER)), backup("foreign"))
    manifest = json.loads((tmp_path / "changed" / "manifest.json").read_text())
    manifest["backup"]["parent"] = "unreadable"
    (tmp_path / "changed" / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "unreadable" / "manifest.json").write_text("{")
    with (tmp_path / "touched" / DATA).open("ab") as file:
        file.write(b"x")
    faults = {entry.backup.name: type(entry.fault) for entry in catalogue.entries()}

    assert faults == {
        "changed": DamagedBackupError,
        "unreadable": DamagedBackupError,
        "foreign": WrongBackupKeyError,
        "touched": type(None),
    }
    with pytest.raises(DamagedBackupError, match="touched"):
        catalogue.check(catalogue.find("touched"))
    with pytest.raises(WrongBackupKeyError):
        catalogue.find("foreign")


def test_old_backups_go_with_the_log_that_only_they_need(tmp_path: Path) -> None:
    """What is kept keeps its log."""
    catalogue = Catalogue(tmp_path, Sealer(KEY))
    for number, age in ((1, 30), (5, 1)):
        log = LogRange(system="7", timeline=1, start=number * SEGMENT, end=number * SEGMENT + 9, segment_bytes=SEGMENT)
        put(catalogue, replace(backup(str(number), age=age), log=log))
    for number in range(9):
        (catalogue.log_directory("7") / segment_name(1, number, SEGMENT)).touch()
    (catalogue.log_directory("8") / segment_name(1, 1, SEGMENT)).touch()
    gone = catalogue.prune(now=NOW, keep=1, days=14)
    kept = catalogue.good()[0]

    assert names(gone) == {"1"}
    assert kept.log is not None
    assert catalogue.log_segments(kept.log) == [segment_name(1, number, SEGMENT) for number in range(5, 9)]
    assert len(list(catalogue.log_directory("7").iterdir())) == 4
    assert not (tmp_path / "log" / "8").exists()


class FakeBackups:
    """Backups that take no time."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.made: list[datetime] = []
        self.known: Backup | None = None
        self.gap = False
        self.faults: list[Exception] = []
        self.log_faults: list[Exception] = []
        self.log_turns = 0

    async def create(self, why: Why) -> Backup:
        assert why is Why.SCHEDULE
        if self.faults:
            raise self.faults.pop()
        self.made.append(self.clock.now())
        self.known = replace(backup("made"), ended_at=self.clock.now())
        return self.known

    async def newest(self) -> Backup | None:
        return self.known

    async def keep_log(self) -> None:
        self.log_turns += 1
        if self.log_faults:
            raise self.log_faults.pop()
        await asyncio.Event().wait()

    def take_gap(self) -> bool:
        was, self.gap = self.gap, False
        return was


@dataclass
class Turn:
    """A schedule for every hour, and what it makes."""

    clock: FakeClock
    backups: FakeBackups
    schedule: BackupSchedule

    async def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.clock.elapsed + seconds
        task = asyncio.get_running_loop().create_task(self.schedule.run())
        while self.clock.elapsed < end:  # noqa: ASYNC110 - the clock passes only while others sleep
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def turn() -> Turn:
    """Have an instance that leads."""
    clock = FakeClock()
    backups = FakeBackups(clock)
    schedule = BackupSchedule(schedule=parse_schedule("0 * * * *"), backups=backups, leader=FakeLeader(), clock=clock)
    return Turn(clock, backups, schedule)


async def test_the_first_backup_is_made_at_once_and_then_every_hour(turn: Turn) -> None:
    """Whoever has just set a schedule is not left without any."""
    began = turn.clock.now()
    await turn.run(2 * 3600)

    assert turn.backups.made[0] - began < timedelta(seconds=5)
    assert [made.minute for made in turn.backups.made[1:]] == [0, 0]


async def test_a_recent_backup_is_enough(turn: Turn) -> None:
    """A restart makes none."""
    turn.backups.known = replace(backup("made"), ended_at=turn.clock.now())
    await turn.run(60)

    assert turn.backups.made == []
    assert turn.schedule.newest == turn.backups.known


async def test_what_was_missed_is_made_up_for(turn: Turn) -> None:
    """No instance ran when it was time."""
    turn.backups.known = replace(backup("made"), ended_at=turn.clock.now() - timedelta(hours=5))
    await turn.run(60)

    assert len(turn.backups.made) == 1


async def test_a_gap_in_the_log_asks_for_a_backup(turn: Turn) -> None:
    """The earlier ones end at the gap."""
    turn.backups.known = replace(backup("made"), ended_at=turn.clock.now())
    turn.backups.gap = True
    await turn.run(60)

    assert len(turn.backups.made) == 1


async def test_what_failed_is_tried_again(turn: Turn) -> None:
    """Within a minute; meanwhile it stays due, which the alert sees."""
    turn.backups.faults = [BackupError("no room"), StoreUnavailableError("away")]
    turn.backups.log_faults = [BackupError("no right"), StoreUnavailableError("away")]
    due = turn.schedule.due_at
    await turn.run(50)
    still_due = turn.schedule.due_at
    await turn.run(100)

    assert still_due == due
    assert len(turn.backups.made) == 1
    assert turn.backups.log_turns >= 3
