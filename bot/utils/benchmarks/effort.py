"""How much is measured: enough to judge, or enough to publish."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """Sizes of samples and worlds."""

    samples: int
    journeys: int
    rounds: int
    seconds: float
    groups: tuple[int, ...]
    memberships: tuple[int, ...]
    bots: tuple[int, ...]
    calls: int
    starts: int
    warmed: int

    @property
    def most_groups(self) -> int:
        """The largest deployment."""
        return self.groups[-1]


def quick() -> Effort:
    """Judge within a minute."""
    return Effort(
        samples=300,
        journeys=30,
        rounds=3,
        seconds=0.4,
        groups=(10, 10_000),
        memberships=(1_000, 50_000),
        bots=(1, 20),
        calls=400,
        starts=2,
        warmed=15,
    )


def full() -> Effort:
    """Publish."""
    return Effort(
        samples=2_000,
        journeys=200,
        rounds=7,
        seconds=0.8,
        groups=(10, 1_000, 100_000),
        memberships=(1_000, 30_000, 1_000_000),
        bots=(1, 10, 100),
        calls=2_000,
        starts=10,
        warmed=1_000,
    )
