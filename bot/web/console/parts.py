"""What the console shows beside what operators may do: how the instance is, and what it counts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.domain.measurement import Measurements
from bot.services.operating.access import Access
from bot.services.operating.doctor import Answer
from bot.services.operating.explaining import Explaining
from bot.services.outages.health import Health
from bot.services.ports.feed import LiveFeed, RecentLines
from bot.services.ports.runtime import Clock
from bot.web.address import Proxies
from bot.web.desk import Desk


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is in force; a secret only says whether it is set."""

    name: str
    value: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that pages are made of."""

    desk: Desk
    access: Access
    explaining: Explaining
    feed: LiveFeed
    recent: RecentLines
    health: Health
    measure: Callable[[], Measurements]
    examine: Callable[[], Awaitable[Sequence[Answer]]]
    settings: Sequence[Setting]
    proxies: Proxies
    clock: Clock
    ending: asyncio.Event
    """Set when the instance is about to stop."""
    instance: str
    version: str
    is_demo: bool
