"""The parts of `python -m bot.utils.benchmark`."""
