"""A trace of messages as busy groups have them: few people write most, many write now and then."""

import random
from collections.abc import Iterator
from itertools import accumulate

MEMBERS = 10_000
MINUTES = 30
PER_SECOND = 300
SEED = 20_260


def zipf_trace(*, minutes: float = MINUTES, seed: int = SEED) -> Iterator[tuple[float, int]]:
    """Yield (seconds since the start, number of the member), the same ones for the same seed.

    The member of rank k writes in proportion to 1/k; messages come at random moments, 300 a second on average.
    """
    dice = random.Random(seed)
    weights = list(accumulate(1 / rank for rank in range(1, MEMBERS + 1)))
    at = 0.0
    for member in dice.choices(range(MEMBERS), cum_weights=weights, k=round(minutes * 60 * PER_SECOND)):
        at += dice.expovariate(PER_SECOND)
        yield at, member
