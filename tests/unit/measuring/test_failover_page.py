"""The page about failovers says what the reports hold, and its ceilings break when they should."""

from dataclasses import replace

from tests.failover import caches, databases
from tests.failover.databases import HOST, POSTGRES
from tests.failover.town import Counted
from tests.faults.stage import Note
from tests.ha.failovers import checks, page

DATABASE = databases.Report(
    rounds=[
        databases.Round(POSTGRES, promoted=2.5, noticed=1.5, first_write=2.9, served=3.2, rejoined=9.0),
        databases.Round(POSTGRES, promoted=1.5, noticed=None, first_write=1.9, served=2.2, rejoined=7.0),
        databases.Round(HOST, promoted=20.5, noticed=1.5, first_write=20.9, served=21.2, rejoined=9.0),
    ],
    writes=1000,
    audited=3,
    lag_ms={"synchronous": [1.0, 2.0, 3.0], "asynchronous": [2.0, 3.0, 40.0]},
    counted=Counted(messages=500, updates=600, strangers=50),
)
CACHE = caches.Report(
    rounds=[caches.Round(0.1, 3.1, 3.3, 0.9)], writes=800, writes_lost=1, counted=Counted(messages=90)
)


def test_every_sample_is_shown() -> None:
    """Sorted, beside what it was."""
    text = page(Note(), DATABASE, CACHE)

    assert "| another one was promoted | 1.50, 2.50 s | 20.50 s |" in text
    assert "| 1000; **0** |" in text
    assert "2.0, 3.0, 3.0 ms" in text


def test_ceilings_hold_and_break() -> None:
    """A lost write, a late one and a lagging replica are each noticed."""
    late = replace(DATABASE, rounds=[*DATABASE.rounds, databases.Round(POSTGRES, first_write=6.0)], audited=4)
    behind = replace(DATABASE, lag_ms={**DATABASE.lag_ms, "asynchronous": [200.0]})

    assert [each.what for each in checks(DATABASE, CACHE) if not each.holds] == []
    for broken in (replace(DATABASE, writes_lost=1), late, behind, replace(DATABASE, audited=1)):
        assert [each.what for each in checks(broken, CACHE) if not each.holds]
