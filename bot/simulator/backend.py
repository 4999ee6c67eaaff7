"""All parts of one simulator, put together once; the façade, the API's methods and the control API work on it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from .callbacks import Callbacks
from .clock import Clock
from .delivery import WebhookDelivery
from .errors import NotAllowed
from .faults import Faults
from .feed import Feed
from .invites import Invites
from .limits import FloodControl
from .members import Members
from .messages import Messages
from .migration import Migration
from .model import Bot
from .polling import Poller
from .record import Record
from .sharing import Sharing
from .world import Snapshot, World


@dataclass(slots=True, eq=False, kw_only=True)
class Backend:
    """The parts, and what runs for each bot; `connect` gives a new bot its ways to hear of updates."""

    clock: Clock
    dice: random.Random
    record: Record
    faults: Faults
    world: World
    feed: Feed
    messages: Messages
    members: Members
    invites: Invites
    callbacks: Callbacks
    migration: Migration
    sharing: Sharing
    flood: FloodControl
    deliveries: dict[int, WebhookDelivery] = field(default_factory=dict)
    pollers: dict[int, Poller] = field(default_factory=dict)
    connect: Callable[[Bot], None] = lambda _: None
    _memory: Snapshot | None = None

    def remember(self) -> None:
        """Keep the world as it is now for `reset`."""
        self._memory = self.world.snapshot()

    def reset(self) -> None:
        """Put the remembered world back; pending updates and faults are gone, webhooks stay."""
        if self._memory is None:
            raise NotAllowed("no world was remembered to go back to")
        self.world.restore(self._memory)
        self.faults.clear()
        self.forget_updates()
        self.record.changed()

    def forget_updates(self) -> None:
        """Drop every update that waits to be delivered."""
        for bot_id, log in self.feed.logs.items():
            log.clear()
            self.deliveries[bot_id].restart()


def build(*, clock: Clock, seed: int, callback_answer_seconds: float) -> Backend:
    """Return an empty world with everything around it."""
    dice = random.Random(seed)  # noqa: S311 - reproducible worlds, no secrets
    record = Record()
    world = World(clock=clock, dice=dice)
    feed = Feed(world=world, record=record)
    messages = Messages(world=world, feed=feed, record=record)
    members = Members(world=world, feed=feed, messages=messages)
    return Backend(
        clock=clock,
        dice=dice,
        record=record,
        faults=Faults(),
        world=world,
        feed=feed,
        messages=messages,
        members=members,
        invites=Invites(world=world, feed=feed, members=members),
        callbacks=Callbacks(world=world, feed=feed, record=record, answer_seconds=callback_answer_seconds),
        sharing=Sharing(world=world, messages=messages, members=members),
        flood=FloodControl(),
        migration=Migration(world=world, messages=messages, record=record),
    )
