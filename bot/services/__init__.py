"""Use cases. What they need of the outside world they name in ports."""
