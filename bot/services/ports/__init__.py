"""What the services ask of the outside world. bot.core fits these by shape; bot/app is where mypy proves it."""
