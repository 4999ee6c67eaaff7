"""The heartbeat by which instances know of each other."""

from datetime import timedelta

BEAT = timedelta(seconds=0.5)
# Whose last beat is older counts as dead, for everybody and everywhere: three may be late or lost, and it is known
# within two seconds.
DEAD_AFTER = timedelta(seconds=1.8)
