"""What operators see and do, by command, console and API."""
