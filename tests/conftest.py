"""Fixtures for every test."""

from hypothesis import settings

pytest_plugins = ["tests.kits.servers", "tests.kits.simulator", "tests.kits.platform"]

# Properties are about answers. How long one takes is for the benchmarks: a busy machine would make tests flicker.
settings.register_profile("gmbot", deadline=None)
settings.load_profile("gmbot")
