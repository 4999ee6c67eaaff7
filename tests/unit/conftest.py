"""Fixtures of the unit tests."""

from tests.unit.world import texts, world

__all__ = ["texts", "world"]
