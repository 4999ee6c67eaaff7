"""Fixtures for every test."""

import logging
import os
from collections.abc import Iterator

import pytest
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


@pytest.fixture(autouse=True)
def no_log_goes_where_nobody_reads() -> Iterator[None]:
    """Take away what a command that ran inside a test has left: a handler that writes to its closed stream."""
    yield
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, logging.StreamHandler)]:
        if getattr(handler.stream, "closed", False):
            root.removeHandler(handler)
