"""Fixtures of the contract suites."""

from tests.contract.desk import desk

__all__ = ["desk"]
