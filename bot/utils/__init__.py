"""The tools that operators run as modules: `python -m bot.utils.benchmark`."""
