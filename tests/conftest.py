"""Fixtures for every test."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.kits.leaks", "tests.kits.servers", "tests.kits.simulator", "tests.kits.platform"]

# Properties are about answers. How long one takes, or the making of a question, is for the benchmarks: a busy machine
# would make tests flicker. The same questions are asked each time, and with FULL=1 others.
settings.register_profile(
    "gmbot",
    deadline=None,
    derandomize=not os.environ.get("FULL"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gmbot")
