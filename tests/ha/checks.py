"""What a part of `make ha` is: something that takes minutes and ends in checks against ceilings."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """One ceiling, and what was found."""

    what: str
    found: str
    wanted: str
    holds: bool


Say = Callable[[str], None]
"""Shows what is going on."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One long run. A run that raises, or takes longer than its time, counts as a broken ceiling."""

    name: str
    title: str
    seconds: float
    """The time it may take; all parts together may take half an hour on two cores."""
    run: Callable[[Say], Awaitable[Sequence[Check]]]


def most(what: str, found: float, ceiling: float, unit: str = "") -> Check:
    """Hold a figure against what it may be at most."""
    return Check(what=what, found=f"{found:g}{unit}", wanted=f"at most {ceiling:g}{unit}", holds=found <= ceiling)


def least(what: str, found: float, floor: float, unit: str = "") -> Check:
    """Hold a figure against what it must be at least."""
    return Check(what=what, found=f"{found:g}{unit}", wanted=f"at least {floor:g}{unit}", holds=found >= floor)


def none(what: str, found: int) -> Check:
    """Hold that something never happened."""
    return Check(what=what, found=str(found), wanted="0", holds=found == 0)
