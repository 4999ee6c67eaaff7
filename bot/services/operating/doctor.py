"""Examines an installation: runs checks, each bounded, none of which can spoil another."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.domain.errors import BotError
from bot.domain.finding import Finding, Level, failure

_LONGEST_CHECK_SECONDS = 60.0

Probe = Callable[[], Awaitable[Sequence[Finding]]]
"""Looks, and changes nothing."""

Repair = Callable[[], Awaitable[str]]
"""Puts right what the probe finds, and says what it did."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about an installation."""

    number: str
    area: str
    probe: Probe
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A check with what it found."""

    check: Check
    finding: Finding
    repaired: str = ""
    """What was done about it."""


class Doctor:
    """Asks all checks, one area after the other."""

    def __init__(self, *, checks: Sequence[Check], done: Callable[[str], None] = lambda _: None) -> None:
        self._checks = checks
        self._done = done

    async def examine(self, *, only: frozenset[str] = frozenset(), fix: bool = False) -> list[Answer]:
        """Run the checks of these areas or numbers, or all; with `fix`, repair what can be and look again."""
        answers: list[Answer] = []
        for check in self._checks:
            if only and not {check.area.lower(), check.number.lower()} & only:
                continue
            found = await _ask(check)
            repaired = ""
            if fix and check.repair is not None and worst(found).value not in {"ok", "note"}:
                repaired = await _repair(check.repair)
                found = await _ask(check)
            answers.extend(Answer(check, finding, repaired) for finding in found)
            self._done(check.number)
        return answers


def worst(findings: Sequence[Finding]) -> Level:
    """Return the level of the gravest finding."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)


async def _ask(check: Check) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(_LONGEST_CHECK_SECONDS):
            return await check.probe()
    except TimeoutError:
        return [failure(f"no answer within {_LONGEST_CHECK_SECONDS:g} s", "look at what this check asks")]
    except (BotError, OSError) as error:
        return [failure(str(error) or type(error).__name__, "put this right first, then run the doctor again")]


async def _repair(repair: Repair) -> str:
    try:
        return await repair()
    except (BotError, OSError) as error:
        return f"could not be repaired: {error}"
