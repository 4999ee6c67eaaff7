"""The parts of `make ha`, in the order in which they run."""

from collections.abc import Sequence

from tests.ha import failovers
from tests.ha.checks import Part

PARTS: Sequence[Part] = (failovers.PART,)
