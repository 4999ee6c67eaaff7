"""What operators see: the console below /console/ and the HTTP API below /api/v1/."""

from bot.web.application import Web, build_web
from bot.web.desk import Desk

__all__ = ["Desk", "Web", "build_web"]
