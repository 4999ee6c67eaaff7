"""What tests stand on: whole instances, servers, worlds, and ways to look at them."""
