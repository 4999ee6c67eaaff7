"""What an examination finds."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How much a finding matters, from least to most."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do about it."""

    level: Level
    what: str
    remedy: str = ""
    """The command or the tap that puts it right; empty when nothing has to be done."""


def fine(what: str) -> Finding:
    """Make a finding that asks for nothing."""
    return Finding(Level.OK, what)


def note(what: str, remedy: str = "") -> Finding:
    """Make a finding that is good to know."""
    return Finding(Level.NOTE, what, remedy)


def warning(what: str, remedy: str) -> Finding:
    """Make a finding that somebody should see to."""
    return Finding(Level.WARNING, what, remedy)


def failure(what: str, remedy: str) -> Finding:
    """Make a finding that keeps GMBot from its work."""
    return Finding(Level.FAILURE, what, remedy)
