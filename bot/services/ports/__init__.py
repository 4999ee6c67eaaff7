"""What the services ask of the outside world, by who asks. bot.core fits these by shape, and bot/app proves it."""
