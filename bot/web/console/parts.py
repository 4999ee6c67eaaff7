"""What the console shows beside what operators may do: how the instance is, and what it counts."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.measurement import Measurements
from bot.services.operating.access import Access
from bot.services.outages.health import Health
from bot.services.ports.feed import LiveFeed, RecentLines
from bot.services.ports.runtime import Clock
from bot.web.address import Proxies
from bot.web.desk import Desk


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that pages are made of."""

    desk: Desk
    access: Access
    feed: LiveFeed
    recent: RecentLines
    health: Health
    measure: Callable[[], Measurements]
    proxies: Proxies
    clock: Clock
    ending: asyncio.Event
    """Set when the instance is about to stop."""
    instance: str
    version: str
    is_demo: bool
