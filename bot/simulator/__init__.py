"""A Bot API server for development, demonstration, tests and load, with a world of chats behind it.

Not simulated: files and their download, inline mode, payments, business accounts, reactions, polls, stories, Markdown,
slow mode, the gradual opening of webhook connections, and Telegram's unpublished limits.
"""

from .clock import Clock, MovableClock, SystemClock
from .errors import NotAllowed, NotFound, NotSettled
from .faults import Duplicate, Fault, Faults, Hold
from .limits import FloodLimits
from .model import Bot, CallbackAnswer, CallbackQuery, Chat, InviteLink, JoinRequest, Member, Message, Topic, User
from .record import Call, Delivery
from .simulator import Simulator
from .worlds import DemoWorld, demo_world

__all__ = [
    "Bot",
    "Call",
    "CallbackAnswer",
    "CallbackQuery",
    "Chat",
    "Clock",
    "Delivery",
    "DemoWorld",
    "Duplicate",
    "Fault",
    "Faults",
    "FloodLimits",
    "Hold",
    "InviteLink",
    "JoinRequest",
    "Member",
    "Message",
    "MovableClock",
    "NotAllowed",
    "NotFound",
    "NotSettled",
    "Simulator",
    "SystemClock",
    "Topic",
    "User",
    "demo_world",
]
