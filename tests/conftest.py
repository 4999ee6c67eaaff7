"""Fixtures for every test."""

pytest_plugins = ["tests.servers", "tests.simulator_kit", "tests.platform"]
