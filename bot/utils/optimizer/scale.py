"""How many rows a seeded database has."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Rows of each table. A twentieth of the cases is open."""

    name: str
    bots: int
    groups: int
    channels: int
    cases: int
    members: int
    events: int
    updates: int
    actions: int
    audit: int
    days: int = 90


TINY = Scale(
    "tiny", bots=5, groups=2_000, channels=400, cases=40_000, members=30_000, events=60_000, updates=30_000,
    actions=4_000, audit=4_000,
)  # fmt: skip
SMALL = Scale(
    "small", bots=20, groups=10_000, channels=2_000, cases=100_000, members=200_000, events=500_000, updates=100_000,
    actions=10_000, audit=20_000,
)  # fmt: skip
LARGE = Scale(
    "large", bots=100, groups=100_000, channels=20_000, cases=1_000_000, members=2_000_000, events=10_000_000,
    updates=500_000, actions=50_000, audit=200_000,
)  # fmt: skip
