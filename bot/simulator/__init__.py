"""A Bot API server for development, demonstration, tests and load, with a world of chats behind it."""

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
