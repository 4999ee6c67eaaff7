"""The protected groups: which there are, what their admins choose, and what the bot may do in them."""
