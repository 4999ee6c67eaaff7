"""The parts of `make ha`, in the order in which they run."""

from collections.abc import Sequence

from tests.ha import failovers, recovery
from tests.ha.checks import Part
from tests.ha.scaling import SCALING

PARTS: Sequence[Part] = (*SCALING, failovers.PART, recovery.PART)
