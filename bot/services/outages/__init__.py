"""What goes on while a store is away, and what is caught up with afterwards."""
