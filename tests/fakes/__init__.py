"""What stands for the outside world in unit tests: the ports of the services, in memory."""
