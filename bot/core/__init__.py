"""Infrastructure: everything that talks to the outside world, fitted to the ports of bot.services by shape."""
