"""What Telegram's updates mean. One module per kind of update or command."""

from bot.handlers.dispatcher import Dispatcher, build_dispatcher
from bot.handlers.usecases import UseCases

__all__ = ["Dispatcher", "UseCases", "build_dispatcher"]
