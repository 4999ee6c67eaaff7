"""The hosted bots: served, registered with Telegram, and kept as Telegram knows them."""
