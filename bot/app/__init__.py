"""The composition root: the one package that builds things and joins them. `instance.py` is a running instance."""

from bot.app.administration import Administration, administration
from bot.app.instance import Mode, running

__all__ = ["Administration", "Mode", "administration", "running"]
