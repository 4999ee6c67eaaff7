"""The Bot API's methods, by name."""

from collections.abc import Callable
from types import MappingProxyType

from . import chats, editing, joining, membership, profile, receiving, sending
from .call import Access, Described, MethodCall

Method = Callable[[MethodCall], object]

# By lower-case name: Telegram does not distinguish cases.
METHODS = MappingProxyType(
    {
        name.lower(): (name, method)
        for part in (chats, editing, joining, membership, profile, receiving, sending)
        for name, method in part.METHODS.items()
    }
)

__all__ = ["METHODS", "Access", "Described", "Method", "MethodCall"]
