"""The Bot API: transport, client, and the translation of its errors."""
