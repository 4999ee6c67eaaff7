"""Redis or Valkey: the connection, and what lives only there."""
