"""The scripts of bot/core/lua: Redis runs each as one step."""

from importlib.resources import files

from redis.asyncio import Redis
from redis.commands.core import AsyncScript


def load_script(redis: "Redis", name: str) -> AsyncScript:
    """Return a script that is sent once and then called by its digest."""
    return redis.register_script(files("bot.core").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8"))
